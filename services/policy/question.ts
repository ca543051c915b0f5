/** What Cedar is asked about a run and about a call: who, what, on what, in which circumstances. */
import type { Parts, Place } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { Question } from './cedar.ts';
import { findingsIn } from './detect/findings.ts';
import { referTo, type Value } from './value.ts';

export type Run = EventOf<'run.request.requested'>['data'];

export const toolOf = ({ tools }: Run, name: string): ToolDefinition | undefined => (Object.hasOwn(tools, name) ? tools[name] : undefined);

/** The part that a run, its plan and its answer have in common. */
export function aboutWorkflow(at: Parts, run: Run): Pick<Question, 'who' | 'resource' | 'context'> {
  const { name } = run.workflow;
  const context = { run: theRunOf(at, run), goal: run.goal?.text, input: run.input };
  return { who: run.requestedBy, resource: { type: 'Workflow', id: name }, context };
}

export function aboutCall(action: 'step' | 'undo', at: Parts, step: Place, call: Call, run: Run): Question {
  const { uses: id, effect, prompt } = call;
  const server = step.kind === 'tool' ? toolOf(run, id)?.server : undefined;
  const said: Json = prompt === undefined ? { arguments: call.arguments } : { arguments: call.arguments, prompt };
  return {
    who: run.requestedBy,
    action,
    resource: { type: pascalCase(step.kind), id, attributes: { kind: step.kind, effect, server } },
    context: {
      run: theRunOf(at, run),
      input: run.input,
      step: { id: step.id, kind: step.kind, attempt: step.n, effect },
      arguments: call.arguments,
    },
    findings: () => findingsIn(said),
  };
}

export const theRunOf = (at: Parts, run: Run): Value => ({
  id: at.run,
  workflow: run.workflow.name,
  requestedBy: referTo('User', run.requestedBy),
});

/** The entity type of a kind of step: `DeepThought` for `deep-thought`. */
const pascalCase = (kind: string): string => kind.replace(/(?:^|-)([a-z0-9]?)/g, (_, letter: string) => letter.toUpperCase());
