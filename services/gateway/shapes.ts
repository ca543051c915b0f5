/** The requests and responses of the HTTP API, as zod shapes. Requests are strict. The OpenAPI document and the command line use the shapes too. */
import { Component, RefusedTool } from '@reel/bus/component.ts';
import { Omitted } from '@reel/contracts/answer.ts';
import { Json, JsonSchema, Problem } from '@reel/contracts/envelope.ts';
import { Usage } from '@reel/contracts/model.ts';
import { Remainder } from '@reel/contracts/run.ts';
import { ToolDefinition } from '@reel/contracts/tool.ts';
import { StrictWorkflow } from '@reel/contracts/workflow/format.ts';
import { z } from 'zod';

/** ISO 8601, UTC, with milliseconds: when the broker stored a fact. */
const Time = z.iso.datetime();
const Links = z.object({ self: z.string(), events: z.string(), cancel: z.string() });

/**
 * The status of a run. `held`: a person has to approve its start. From the closing to the outcome: completing, failing, cancelling,
 * exhausting. At the end: completed, failed, cancelled, exhausted (out of time), stranded (an effect remains).
 */
export const RunStatus = z.enum([
  'requested',
  'held',
  'running',
  'completing',
  'failing',
  'cancelling',
  'exhausting',
  'completed',
  'failed',
  'cancelled',
  'exhausted',
  'stranded',
]);
export type RunStatus = z.infer<typeof RunStatus>;

/** A goal in words, and how its answer is checked. */
const GoalRequest = z.strictObject({
  text: z.string().trim().min(1).max(20_000).describe('What to achieve, in words.'),
  rubric: z.string().min(1).max(20_000).optional().describe('The criteria by which a model judges the answer before it is returned.'),
  review: z.boolean().optional().describe('Hold the plan until a person approves it.'),
  answer: z
    .strictObject({
      schema: JsonSchema.optional().describe('JSON Schema of the `data` that the answer has beside its text.'),
      assert: z.array(z.string()).optional().describe('JSONata expressions over `result` (the answer) that must be true.'),
    })
    .optional(),
  escalate: StrictWorkflow.shape.escalate.describe(
    'The people who are asked, in order, when a step has failed for good. Default: the requester, then "operators", ten minutes each.',
  ),
});

/**
 * POST /v1/runs: either a workflow to run or a goal to reach. Durations are in ms; `deadlineMs` counts from now and overrides
 * the workflow's own.
 */
export const RunRequest = z
  .strictObject({
    workflow: z.union([StrictWorkflow, z.string()]).optional().describe('The workflow, as an object or as YAML or JSON text.'),
    goal: z.union([z.string().trim().min(1).max(20_000), GoalRequest]).optional(),
    input: Json.optional(),
    requestedBy: z.string().min(1).max(200).default('local'),
    deadlineMs: z.int().positive().optional(),
  })
  .refine(({ workflow, goal }) => (workflow === undefined) !== (goal === undefined), {
    message: 'give either a workflow or a goal',
    path: ['workflow'],
  })
  .meta({ id: 'RunRequest' });
export type RunRequest = z.infer<typeof RunRequest>;
export type GoalRequest = z.infer<typeof GoalRequest>;

/** A submitted run: 201 when it is new, 200 when it was submitted earlier under the same Idempotency-Key, 202 when it has not finished within `wait`. */
export const Submitted = z.object({ id: z.string(), status: RunStatus, links: Links }).meta({ id: 'Submitted' });
export type Submitted = z.infer<typeof Submitted>;

/** One line of the list of runs. `held` is the number of open approvals. */
export const RunSummary = z
  .object({
    id: z.string(),
    status: RunStatus,
    workflow: z.string(),
    requestedBy: z.string(),
    requestedAt: Time,
    endedAt: Time.optional(),
    held: z.int(),
    /** The cost of its model calls, in millionths of a US dollar, where known. */
    costMicrousd: z.number().optional(),
    links: Links,
  })
  .meta({ id: 'RunSummary' });
export type RunSummary = z.infer<typeof RunSummary>;

/** GET /v1/runs: newest first. `next` is the cursor of the following page; absent on the last page. */
export const RunPage = z.object({ runs: z.array(RunSummary), next: z.string().optional() }).meta({ id: 'RunPage' });
export type RunPage = z.infer<typeof RunPage>;

/** The status of a step or an undo: `pending` before its request, then the answer in the newest of its slots. */
export const StepStatus = z.enum([
  'pending',
  'requested',
  'skipped',
  'approved',
  'denied',
  'held',
  'granted',
  'refused',
  'expired',
  'started',
  'withdrawn',
  'succeeded',
  'failed',
  'unknown',
  'timed-out',
  'accepted',
  'rejected',
  'postponed',
  'due',
  'invalid',
]);
export type StepStatus = z.infer<typeof StepStatus>;

/** With `asks`, this is a question to people about an attempt or undo in doubt: `uses` names the people asked, and `try` numbers the question. */
const Undo = z.object({
  attempt: z.int(),
  try: z.int(),
  uses: z.string(),
  status: StepStatus,
  asks: z.literal(true).optional(),
  problem: Problem.optional(),
});

/** One step: its newest attempt (0 while pending) and its undos. `standsFor` names the step that it replaces, as a fallback or by a person's decision. */
export const StepState = z
  .object({
    id: z.string(),
    kind: z.string(),
    uses: z.string(),
    status: StepStatus,
    attempt: z.int(),
    dependsOn: z.array(z.string()),
    standsFor: z.string().optional(),
    requestedAt: Time.optional(),
    startedAt: Time.optional(),
    endedAt: Time.optional(),
    arguments: Json.optional(),
    result: Json.optional(),
    problem: Problem.optional(),
    /** The promises of its tool that the result does not keep. */
    warnings: z.array(z.string()).optional(),
    /** The model that performed it, with its tokens and cost. */
    usage: Usage.optional(),
    /** The address of the fact with a result that came after the outcome was decided otherwise. */
    late: z.string().optional(),
    /** The effect that remained after the run had ended. */
    residue: Problem.optional(),
    undos: z.array(Undo),
  })
  .meta({ id: 'StepState' });
export type StepState = z.infer<typeof StepState>;

/** An open question: the address of the slot, the slot, the service that has to fill it (or `a person`), and since when. */
export const Waiting = z.object({ address: z.string(), waitsFor: z.string(), owedBy: z.string(), since: Time }).meta({ id: 'Waiting' });
export type Waiting = z.infer<typeof Waiting>;

const Place = z.object({ kind: z.string(), id: z.string(), n: z.int() });

/**
 * An attempt whose effect remains, or may remain, after its run has ended without needing it. `why`: it has no undo (`no-compensation`);
 * its undo failed, was denied, or has an unknown outcome (`undo-failed`, `undo-denied`, `undo-in-doubt`); the outcome of the attempt is
 * unknown (`in-doubt`); it came after the run had ended, or was not needed any more (`late`); or its result was rejected
 * (`result-rejected`).
 */
export const Remaining = Place.extend({
  uses: z.string(),
  why: z.enum(['no-compensation', 'undo-failed', 'undo-denied', 'undo-in-doubt', 'in-doubt', 'late', 'result-rejected']),
  problem: Problem,
  /** Why its result was not accepted. */
  rejected: Problem.optional(),
  /** Its result, unless that is longer than 2,000 bytes. */
  result: Json.optional(),
  /** The address of the fact that holds its result. */
  fact: z.string().optional(),
}).meta({ id: 'Remaining' });
export type Remaining = z.infer<typeof Remaining>;

/**
 * The model calls of a run, failed attempts included. `costMicrousd` (millionths of a US dollar) sums the calls whose price is known,
 * and is absent when there are none. `scripted`: at least one answer came from a script, not from a model.
 */
export const RunUsage = z
  .object({
    calls: z.int(),
    inputTokens: z.int(),
    outputTokens: z.int(),
    costMicrousd: z.int().optional(),
    scripted: z.boolean().optional(),
  })
  .meta({ id: 'RunUsage' });
export type RunUsage = z.infer<typeof RunUsage>;

/** GET /v1/runs/{id}: a run, folded from its facts. `waitsFor` is empty when the run has ended. */
export const Run = RunSummary.extend({
  shard: z.int(),
  deadlineAt: Time.optional(),
  /** The goal in words, for a run without a workflow. */
  goal: z.string().optional(),
  input: Json.optional(),
  answer: Json.optional(),
  /** Optional steps that failed and are missing from the answer. */
  omitted: z.array(Omitted).optional(),
  problem: Problem.optional(),
  /** The request to cancel it. */
  cancel: z.object({ who: z.string(), why: z.string(), at: Time }).optional(),
  closingAt: Time.optional(),
  undone: z.array(Place),
  stranded: z.array(Remainder),
  /** The effects that remain after its end; includes `stranded`. */
  remaining: z.array(Remaining),
  steps: z.array(StepState),
  waitsFor: z.array(Waiting),
  usage: RunUsage,
  /** The facts that services could not handle. */
  faults: z.array(z.object({ service: z.string(), event: z.string(), problem: Problem })),
}).meta({ id: 'Run' });
export type Run = z.infer<typeof Run>;

/** A fact as it was stored: CloudEvents 1.0 with `sequence` (its position in the log, digits padded so that they sort as text). */
export const CloudEvent = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string(),
    source: z.string(),
    type: z.string(),
    time: Time,
    datacontenttype: z.literal('application/json'),
    runid: z.string(),
    causationid: z.string(),
    traceparent: z.string().optional(),
    sequence: z.string(),
    data: Json,
  })
  .meta({ id: 'CloudEvent' });
export type CloudEvent = z.infer<typeof CloudEvent>;

/** An entry that cannot be read: why, and its address. */
export const InvalidEntry = z
  .object({ invalid: z.string(), address: z.string(), time: Time, sequence: z.string() })
  .meta({ id: 'InvalidEntry' });
export type InvalidEntry = z.infer<typeof InvalidEntry>;

/** GET /v1/runs/{id}/events, as JSON: all facts, in the order of the log. */
export const RunEvents = z.object({ events: z.array(z.union([CloudEvent, InvalidEntry])) }).meta({ id: 'RunEvents' });
export type RunEvents = z.infer<typeof RunEvents>;

/** POST /v1/runs/{id}/cancel; the body is optional. */
export const CancelRequest = z
  .strictObject({ who: z.string().min(1).max(200).default('local'), why: z.string().max(2000).default('no reason was given') })
  .meta({ id: 'CancelRequest' });

/** 202 when the run is being cancelled; 200 with `changed: false` when that was decided before; 409 when the run ends in another way. */
export const Cancelled = z
  .object({ id: z.string(), status: RunStatus, changed: z.boolean(), detail: z.string(), links: Links })
  .meta({ id: 'Cancelled' });
export type Cancelled = z.infer<typeof Cancelled>;

/** A request held for a person. `id` is `<shard>.<run>.<kind>.<id>.<n>`; `question` is the address of the held verdict. */
export const Approval = z
  .object({
    id: z.string(),
    run: z.string(),
    workflow: z.string(),
    kind: z.string(),
    /** The step's id, or `run`, `plan`, `answer`. */
    step: z.string(),
    question: z.string(),
    prompt: z.string(),
    /** JSON Schema of the form that a grant has to carry. */
    form: JsonSchema.optional(),
    /** The tool, model or person that is called, for a step or an undo. */
    uses: z.string().optional(),
    arguments: Json.optional(),
    heldAt: Time,
    expiresAt: Time.optional(),
    policies: z.array(z.string()),
    requestedBy: z.string(),
  })
  .meta({ id: 'Approval' });
export type Approval = z.infer<typeof Approval>;

/** GET /v1/approvals: the oldest first. `next` as in RunPage. */
export const ApprovalPage = z.object({ approvals: z.array(Approval), next: z.string().optional() }).meta({ id: 'ApprovalPage' });
export type ApprovalPage = z.infer<typeof ApprovalPage>;

/** POST /v1/approvals/{id}. */
export const Decision = z
  .strictObject({
    decision: z.enum(['grant', 'refuse']),
    who: z.string().min(1).max(200),
    why: z.string().min(1).max(2000),
    form: Json.optional(),
  })
  .meta({ id: 'Decision' });

/** The result of a decision: 200 with the ruling, or 202 (`pending`) when policy has not ruled on the vote within 10 s. */
export const Ruling = z
  .object({
    id: z.string(),
    run: z.string(),
    ruling: z.enum(['granted', 'refused', 'pending']),
    who: z.string(),
    why: z.string(),
    form: Json.optional(),
    /** The address of the vote. */
    vote: z.string(),
    at: Time.optional(),
  })
  .meta({ id: 'Ruling' });
export type Ruling = z.infer<typeof Ruling>;

/** GET /v1/tools. */
export const ToolList = z
  .object({
    tools: z.array(ToolDefinition),
    /** Tools of the servers that cannot be offered, and why. */
    refused: z.array(RefusedTool),
  })
  .meta({ id: 'ToolList' });
export type ToolList = z.infer<typeof ToolList>;

/** GET /v1/components: by name, the oldest instance first. */
export const ComponentList = z.object({ components: z.array(Component) }).meta({ id: 'ComponentList' });
export type ComponentList = z.infer<typeof ComponentList>;

/**
 * GET /v1/runs/{id}/events?tokens=true, as server-sent events: the data of an `event: tokens`: a piece of the output of the running step
 * `at`. Pieces may be missing, and none is stored.
 */
export const Tokens = z.object({ at: Place, text: z.string() }).meta({ id: 'Tokens' });
export type Tokens = z.infer<typeof Tokens>;

/** RFC 9457, `application/problem+json`: `type` is `/problems/<code>`. `errors` names each field that is wrong. */
export const ProblemDetails = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    errors: z
      .array(
        z.object({
          /** Where: `body.workflow.steps[2].uses`, `query.limit`, `header.Prefer`. */
          path: z.string(),
          value: Json.optional(),
          message: z.string(),
          /** Where in the text of the workflow, from 1. */
          line: z.int().optional(),
          column: z.int().optional(),
        }),
      )
      .optional(),
    /** For a 500 or 503: the id of the entry in the gateway's log. */
    errorId: z.string().optional(),
  })
  .meta({ id: 'ProblemDetails' });
export type ProblemDetails = z.infer<typeof ProblemDetails>;
