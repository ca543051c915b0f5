/** The workflow format: what to do, in YAML or JSON, for people to write and for models to propose. */
import { z } from 'zod';
import { growing, Json, JsonSchema } from '../envelope.ts';
import { Needs, StrictNeeds } from '../model.ts';
import { Compensation, Effect, Retry, StrictCompensation, StrictRetry, WithinMs } from '../tool.ts';

const StepId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,48}$/, 'a step id is 1 to 48 of A-Z a-z 0-9 _ -')
  // Results are kept in plain objects, by the ids of their steps.
  .refine((id) => id !== '__proto__', 'no step may be called __proto__');
const StepKind = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'a kind is lower case: a letter, then up to 31 of a-z 0-9 -');

/**
 * Arguments as a template: any string that begins with `=` is a JSONata expression over `input` (the run's) and `steps`
 * (`steps.<id>` is that step's result); `==` at the beginning stands for a plain `=`. Everything else is taken as it is.
 * An id with a dash stands in backticks (steps.`book-hotel`); inside a filter the scope is `$$` (`hotels[price < $$.input.most]`).
 * Where an expression is all there can be (`when`, `assert`), the `=` may be left out.
 */
const Template = z.record(z.string(), Json);

const attemptOf = ({ compensation, needs, retry }: Parts) => ({
  /** Who performs it: `tool`, `model`, `person`, or a kind that a performer of the user's own has taken. */
  kind: StepKind.default('tool'),
  /** What performs it, within its kind: for a tool its name, for a person who is asked, for a model its name (left out: whichever fits). */
  uses: z.string().default(''),
  with: Template.default({}),
  /** How long one attempt may take (for a person: until the question expires), in ms. */
  timeoutMs: z.int().positive().max(2_592_000_000).optional(),
  /**
   * How often in all, and how long to wait before the second attempt; twice as long before each further one, up to `maxDelayMs`, and a
   * little less by lot. What the tool's registration says holds where this says nothing.
   */
  retry: retry.optional(),
  /**
   * How long it may take with all its attempts and waits, and whoever has to let it happen, in ms: no attempt begins after that, and then
   * comes what follows a failure. What the tool's registration says holds where this says nothing.
   */
  withinMs: WithinMs.optional(),
  /** What calling it twice does, for kinds whose performers keep no registry; `once` unless said otherwise. */
  effect: Effect.optional(),
  /** What undoes it, should the run not succeed. The tool's own registration may have said so already. */
  compensate: compensation.optional(),
  /** JSONata expressions that must all be true of the `result`. */
  assert: z.array(z.string()).default([]),
  /** JSON Schema of the result, beside what the tool declares; a model without one answers `{ text }`. */
  output: JsonSchema.optional(),
  /** For a model: what it has to be able to do, and may cost. */
  needs: needs.optional(),
  /** For a person: the question; for a model: the instructions, to which `with` is the matter. A string that begins with `=` is an expression. */
  prompt: z.string().optional(),
  /** For a person: the JSON Schema of what they fill in. */
  form: Template.optional(),
});

/** What is the same wherever it stands, and in a file stricter than in a fact. */
type Parts = { readonly compensation: typeof Compensation; readonly needs: typeof Needs; readonly retry: typeof Retry };

/** The format, built twice: as facts carry it (unknown fields pass, later versions may have more) and as a file must be (they do not). */
function build(object: typeof z.object, parts: Parts, fewest: number) {
  const Attempt = attemptOf(parts);
  const WorkflowStep = object({
    id: StepId,
    ...Attempt,
    /** The steps that must be over (done or skipped) before this one; their results are what its expressions may name. */
    dependsOn: z.array(z.string()).default([]),
    /**
     * A JSONata expression (or `true` or `false`): when it is `false`, or names only results that are not there because their steps were
     * skipped, the step is skipped. Anything else but `true` fails, and so does reading a field that is not there, unless a schema
     * says that it need not be; `$exists(…)` asks.
     */
    when: z.union([z.string(), z.boolean()]).optional(),
    /** When it has failed for good the run goes on without its result, and the answer names it. */
    optional: z.boolean().optional(),
    /** What is done instead when it has failed for good, as the step `<id>-fallback`; its result counts as this step's. */
    fallback: object(Attempt).optional(),
  });
  return object({
    name: z.string().min(1).max(100),
    description: z.string().optional(),
    /** JSON Schema of the run's input. */
    input: JsonSchema.optional(),
    /** How long the run may take, in ms. */
    deadlineMs: z.int().positive().optional(),
    steps: z.array(WorkflowStep).min(fewest).max(5_000),
    /** Who is asked, one after the other and each for so long, when a step has failed for good. */
    escalate: z
      .array(object({ to: z.string().min(1), withinMs: z.int().min(1000).max(2_592_000_000) }))
      .max(5)
      .optional(),
    /** The answer: a template over `input` and `steps`, what must be true of it (as `result`), and its JSON Schema. */
    answer: object({ value: Json, schema: JsonSchema.optional(), assert: z.array(z.string()).default([]) }).optional(),
  });
}

export const Workflow = build(growing as typeof z.object, { compensation: Compensation, needs: Needs, retry: Retry }, 0);
export type Workflow = z.infer<typeof Workflow>;
export type WorkflowStep = Workflow['steps'][number];

/** The same, refusing what it does not know: for what people and models hand in. */
const strict: Parts = { compensation: StrictCompensation, needs: StrictNeeds, retry: StrictRetry };
export const StrictWorkflow = build(z.strictObject as unknown as typeof z.object, strict, 1);
