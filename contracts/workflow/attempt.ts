/** What a step's id stands for in a plan: the step itself, or what is done in its place when it has failed. */
import type { Place } from '../address.ts';
import type { JsonSchema, Problem } from '../envelope.ts';
import type { Effect } from '../tool.ts';
import type { Workflow, WorkflowStep } from './format.ts';

/** How something is done: what a step and what is done in its place have in common. */
export type PlannedAttempt = NonNullable<WorkflowStep['fallback']>;

/**
 * An attempt, the step of the plan that it belongs to, how often it may be made in all, and what it is to the step: `step` itself; its
 * `fallback`; an `escalation` to a person, who says how it goes on; a `retry` because that person wanted one. Levels count from 1.
 */
export type Planned = {
  readonly attempt: PlannedAttempt;
  readonly step: WorkflowStep;
  readonly attempts: number;
  readonly role: 'step' | 'fallback' | 'escalation' | 'retry';
  readonly level: number;
};

/** Providers fail more often than tools, and asking once more costs little. */
const MODEL_ATTEMPTS = 4;

/** What performs it, within its kind. A kind that has only one performer need not name it: then it is called as the kind is. */
export const usesOf = ({ kind, uses }: PlannedAttempt): string => (uses === '' && kind !== 'tool' ? kind : uses);

/** What calling it twice does, for a kind without a registry. Asking a person changes nothing; asking a model is only paid for. */
export function effectOf({ kind, effect }: PlannedAttempt): Effect {
  if (kind === 'person') return 'read-only';
  return kind === 'model' ? 'metered' : (effect ?? 'once');
}

/** Whoever settles what nobody can tell the end of, where the plan names nobody else (any more): until then, or the run's deadline. */
const SETTLERS = { to: 'operators', withinMs: 2_592_000_000 };

/** Who is asked about a step, one after the other. The last level is only for steps of which nobody knows whether they took effect. */
export const levelsOf = ({ escalate = [] }: Workflow): readonly { readonly to: string; readonly withinMs: number }[] => [
  ...escalate,
  SETTLERS,
];

/** The id under which a step's fallback is requested. */
export const fallbackId = (id: string): string => `${id}-fallback`;
/** The id under which a person is asked, at the given level, how a step that has failed goes on. */
export const escalationId = (id: string, level: number): string => `${id}-escalation-${level}`;
/** The id under which a step is tried again because the person asked at that level wanted it. */
export const retryId = (id: string, level: number): string => `${id}-retry-${level}`;

// Every step of a run is looked up several times, and a plan may have thousands: so the index is kept with the plan.
const indexes = new WeakMap<Workflow, ReadonlyMap<string, Planned>>();

/** What the plan has under this id, or undefined. A step's own id goes before what is done in another's place. */
export const plannedAs = (plan: Workflow, id: string): Planned | undefined => indexOf(plan).get(id);

/** Everything that stands for something in the plan: its steps' ids, and what is done in their places. */
export const idsOf = (plan: Workflow): Iterable<string> => indexOf(plan).keys();

function indexOf(plan: Workflow): ReadonlyMap<string, Planned> {
  let index = indexes.get(plan);
  if (index === undefined) indexes.set(plan, (index = indexed(plan)));
  return index;
}

function indexed(plan: Workflow): ReadonlyMap<string, Planned> {
  const index = new Map<string, Planned>();
  for (const step of plan.steps) {
    const attempts = attemptsOf(step);
    const { fallback } = step;
    if (fallback !== undefined)
      index.set(fallbackId(step.id), { attempt: fallback, step, attempts: attemptsOf(fallback), role: 'fallback', level: 0 });
    for (const [before, { to, withinMs }] of levelsOf(plan).entries()) {
      const level = before + 1;
      const asked: PlannedAttempt = {
        kind: 'person',
        uses: to,
        with: {},
        timeoutMs: withinMs,
        assert: [],
        form: escalationForm(step.output),
      };
      index.set(escalationId(step.id, level), { attempt: asked, step, attempts: 1, role: 'escalation', level });
      index.set(retryId(step.id, level), { attempt: step, step, attempts, role: 'retry', level });
    }
  }
  for (const step of plan.steps) index.set(step.id, { attempt: step, step, attempts: attemptsOf(step), role: 'step', level: 0 });
  return index;
}

const attemptsOf = ({ kind, retry }: PlannedAttempt): number => retry?.attempts ?? (kind === 'model' ? MODEL_ATTEMPTS : 1);

/** What a person is asked about a step that has failed: which attempt, why, and whether nobody knows if it took effect. */
export type Question = {
  readonly step: string;
  readonly attempt: Place;
  readonly uses: string;
  readonly arguments: object;
  readonly problem: Problem;
  readonly unknown: boolean;
};

/**
 * What a person says about a step that has failed: here is its result; try again (with these arguments instead); or the run ends, and if it
 * did take effect, with this result, it is undone.
 */
export type Escalated = {
  readonly action: 'supply' | 'retry' | 'end';
  readonly result?: unknown;
  readonly with?: object;
  readonly why?: string;
};

/** @param output what the result has to be, should it be supplied. */
export function escalationForm(output: JsonSchema = { description: 'The result, when it is supplied' }): JsonSchema {
  const { $schema, ...result } = output;
  return {
    // The draft is for the whole of a schema to say, and with a name of its own the result's references stay within it.
    ...($schema === undefined ? {} : { $schema }),
    type: 'object',
    required: ['action'],
    additionalProperties: false,
    properties: {
      action: { enum: ['supply', 'retry', 'end'] },
      result: { $id: 'urn:reel:result', ...result },
      with: { type: 'object', description: 'Other arguments, when it is tried again' },
      why: { type: 'string' },
    },
    if: { properties: { action: { const: 'supply' } } },
    // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
    then: { required: ['result'] },
  };
}
