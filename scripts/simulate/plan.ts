/** Workflows made at random, as plain data small enough to be read when one of them fails: what is to be done, and how everybody behaves. */
import { Workflow } from '@reel/contracts/workflow/format.ts';
import fc from 'fast-check';
import { type Doing, doings } from './world.ts';

type Retry = { readonly attempts: number; readonly delayMs: number };

/** One step. */
export type PlannedStep = {
  readonly uses: string;
  /** The steps that it depends on, by their numbers. */
  readonly after: readonly number[];
  /** What its tool does, attempt by attempt, and what undoing it does; after that, it works. */
  readonly does: readonly Doing[];
  readonly undo: readonly Doing[];
  readonly fallback?: { readonly uses: string; readonly does: readonly Doing[]; readonly retry?: Retry; readonly withinMs?: number };
  readonly retry?: Retry;
  readonly when?: boolean;
  readonly timeoutMs?: number;
  readonly withinMs?: number;
  readonly optional?: boolean;
  /** What the person says whom it waits for, and what those say who are asked when it has failed. Left out: nothing. */
  readonly answer?: 'grant' | 'refuse';
  readonly escalated?: 'supply' | 'retry' | 'end';
};

export type Plan = {
  readonly steps: readonly PlannedStep[];
  /** How many people are asked, one after the other, when a step has failed. */
  readonly escalate?: number;
  /** After how many facts somebody cancels it. */
  readonly cancelAfter?: number;
  readonly deadlineInMs?: number;
};

/** How long people have to answer. */
const ANSWER_MS = 60_000;

/** The first of them mostly, and it is what the others shrink to. */
const mostly = <T>(weight: number, usual: T, others: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ withCrossShrink: true }, { weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others });
const seldom = <T>(weight: number, others: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  mostly<T | undefined>(weight, undefined, others);
/** An object without the members that are undefined. */
const object = <T>(model: { [member: string]: fc.Arbitrary<unknown> }): fc.Arbitrary<T> =>
  fc.record(model).map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as T);

const doing = fc.array(mostly<Doing>(2, 'works', fc.constantFrom(...doings)), { maxLength: 3 });
const before = fc.array(fc.nat({ max: 6 }), { maxLength: 3 });

const retry = seldom(2, fc.record({ attempts: fc.integer({ min: 1, max: 4 }), delayMs: fc.constantFrom(0, 700, 5000) }));
const withinMs = seldom(6, fc.constantFrom(300, 3000, 20_000));

const anyStep = object<PlannedStep>({
  uses: fc.constantFrom('look', 'book', 'book', 'book', 'pay', 'sign', 'send', 'weigh', 'ask', 'forbidden'),
  after: before,
  does: doing,
  undo: doing,
  fallback: seldom(3, object({ uses: fc.constantFrom('look', 'book', 'pay', 'ask'), does: doing, retry, withinMs })),
  retry,
  withinMs,
  when: seldom(5, fc.boolean()),
  timeoutMs: seldom(5, fc.constantFrom(300, 3000)),
  optional: seldom(6, fc.constant(true)),
  answer: fc.constantFrom('grant', 'grant', 'refuse', undefined),
  escalated: fc.constantFrom('supply', 'retry', 'end', undefined),
});

/** Everything that can go wrong does, at one time or another. */
export const anyPlan: fc.Arbitrary<Plan> = object({
  steps: fc.array(anyStep, { minLength: 1, maxLength: 6 }),
  escalate: fc.constantFrom(undefined, undefined, 1, 2),
  cancelAfter: seldom(2, fc.nat({ max: 60 })),
  deadlineInMs: seldom(5, fc.constantFrom(300, 3000, 30_000)),
});

const steadyStep = fc.oneof(
  object<PlannedStep>({ uses: fc.constantFrom('look', 'book', 'send'), after: before, when: seldom(4, fc.boolean()) }),
  fc.record({
    uses: fc.constantFrom('look', 'book'),
    after: before,
    does: fc.constantFrom<Doing[]>(['fails'], ['fails', 'fails']),
    retry: fc.record({ attempts: fc.constant(3), delayMs: fc.constantFrom(0, 700) }),
  }),
  fc.record({
    uses: fc.constant('book'),
    after: before,
    does: fc.constant<Doing[]>(['refuses']),
    fallback: fc.record({ uses: fc.constantFrom('look', 'book'), does: fc.constant<Doing[]>([]) }),
  }),
  fc.record({ uses: fc.constantFrom('sign', 'ask'), after: before, answer: fc.constant('grant' as const) }),
);

/** Plans without races: they come to the same conclusions under every fault. */
export const steadyPlan: fc.Arbitrary<Plan> = fc.record({
  steps: fc.array(
    steadyStep.map((one) => ({ does: [], undo: [], ...one })),
    { minLength: 1, maxLength: 6 },
  ),
});

/** The workflow that a plan stands for. Its steps are called `s0`, `s1`, … */
export function workflowOf({ steps, escalate = 0 }: Plan): Workflow {
  return Workflow.parse({
    name: 'random',
    steps: steps.map(stepOf),
    escalate: ['ada', 'operators'].slice(0, escalate).map((to) => ({ to, withinMs: ANSWER_MS })),
  });
}

function stepOf({ uses, after, fallback, retry, when, timeoutMs, withinMs, optional }: PlannedStep, index: number): object {
  const dependsOn = index === 0 ? [] : [...new Set(after.map((number) => `s${number % index}`))];
  const given = { with: { of: dependsOn[0] === undefined ? 1 : `= steps.${dependsOn[0]}.n` } };
  return {
    id: `s${index}`,
    dependsOn,
    ...attemptOf(uses, given),
    ...(fallback === undefined ? {} : { fallback: { ...attemptOf(fallback.uses, given), ...repeated(fallback) } }),
    ...repeated({ retry, withinMs }),
    ...(when === undefined ? {} : { when: dependsOn[0] === undefined ? String(when) : `steps.${dependsOn[0]}.n = ${when ? 1 : 2}` }),
    ...(timeoutMs === undefined || uses === 'ask' ? {} : { timeoutMs }),
    ...(optional === undefined ? {} : { optional }),
  };
}

const repeated = ({ retry, withinMs }: { readonly retry?: Retry | undefined; readonly withinMs?: number | undefined }): object => ({
  ...(retry === undefined ? {} : { retry }),
  ...(withinMs === undefined ? {} : { withinMs }),
});

const attemptOf = (uses: string, given: object): object =>
  uses === 'ask'
    ? { ...given, kind: 'person', uses: 'eve', prompt: 'How many?', form: { type: 'object' }, timeoutMs: ANSWER_MS }
    : { ...given, uses, assert: ['result.n = 1'] };

/** The plan without one of its steps, for each of them. Those that come after it move up, and so they do in the script. */
export function withoutOne({ steps, ...rest }: Plan, script: readonly string[]): (readonly [Plan, readonly string[]])[] {
  return steps.map((_, gone) => {
    const moved = (number: number): number => (number > gone ? number - 1 : number);
    const left = steps.flatMap((step, index) => {
      const after = index === 0 ? [] : step.after.map((number) => number % index).filter((number) => number !== gone);
      return index === gone ? [] : [{ ...step, after: after.map(moved) }];
    });
    const lines = script.filter((line) => !new RegExp(`\\.s${gone}\\b`).test(line));
    return [
      { ...rest, steps: left },
      lines.map((line) => line.replace(/\.s(\d+)\b/g, (_all, number: string) => `.s${moved(Number(number))}`)),
    ];
  });
}
