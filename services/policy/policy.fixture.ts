/** A run that the tests of this folder share: a trip that is booked, paid, and chosen by a person. */
import { planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { closingFailing, runApproved, runRequested } from '@reel/contracts/run.ts';
import { type Call, stepRequested } from '@reel/contracts/step.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { type Judge, judgeBy } from './cedar.ts';
import { readFolder } from './policies.ts';
import { defaultPolicies } from './policy.ts';
import type { PolicyFile } from './source.ts';

export const byDefault = (): Judge => judgeBy(readFolder(defaultPolicies));

const fileOf = (name: string, text: string): PolicyFile => ({ path: `policies/${name}`, name, text });

/** The default policies and these. @param kinds a declaration of kinds of steps */
export const alsoBy = (text: string, kinds = ''): Judge =>
  judgeBy([...readFolder(defaultPolicies), fileOf('more.cedar', text), fileOf('kinds.cedarschema', kinds)]);

const tool = (name: string, more: Partial<ToolDefinition> = {}): ToolDefinition => ({
  name,
  description: '',
  server: 'travel',
  input: {},
  effect: 'idempotent',
  timeoutMs: 1000,
  concurrency: 1,
  digest: `sha256:${name}`,
  ...more,
});

const cancel = { uses: 'cancel', with: { id: '=result.id' } };

export const workflow = Workflow.parse({
  name: 'trip',
  steps: [
    { id: 'book', uses: 'book', retry: { attempts: 2 }, fallback: { uses: 'book-other', compensate: { uses: 'cancel', with: {} } } },
    { id: 'pick', kind: 'person', uses: 'traveller' },
    { id: 'pay', uses: 'pay' },
    { id: 'think', kind: 'deep-thought', uses: 'answer' },
  ],
});

export const request = runRequested(theRun, {
  requestedBy: 'ann',
  workflow,
  input: { city: 'Lisbon', budget: 2000 },
  tools: {
    book: tool('book', { compensation: cancel }),
    'book-other': tool('book-other'),
    cancel: tool('cancel'),
    pay: tool('pay', { effect: 'once' }),
  },
  deadlineMs: Date.UTC(2026, 0, 2),
});

const grounds = { policies: ['p'], policySet: 'sha256:0', question: 'sha256:0' };

/** Requested, approved, planned, and the plan approved. */
export const planned: readonly Draft[] = [
  request,
  runApproved(theRun, grounds),
  planProposed(planRevision(1), { plan: workflow }),
  planApproved(planRevision(1), grounds),
];

export const approvedOn = grounds;

export const failing = closingFailing(theRun, { problem: { code: 'x', message: 'x' } });

export const call = (uses: string, more: Partial<Call> = {}): Call => ({
  uses,
  arguments: {},
  effect: 'idempotent',
  timeoutMs: 1000,
  definition: `sha256:${uses}`,
  ...more,
});

/** What is different in a call to a person. */
export const person = { definition: undefined, effect: 'read-only' } as const;

export const book = { kind: 'tool', id: 'book', n: 1 };
export const bookRequested = (more: Partial<Call> = {}): Draft =>
  stepRequested(book, { call: call('book', { compensation: cancel, ...more }) });

export const pay = { kind: 'tool', id: 'pay', n: 1 };
export const payRequested = (args: Call['arguments'] = {}): Draft =>
  stepRequested(pay, { call: call('pay', { effect: 'once', arguments: args }) });
