/** What the HTTP API takes and gives, as zod shapes: requests are strict, answers are also what the OpenAPI document and the command line read. */
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
 * Where a run is. `held`: a person has to say whether it may begin. From the turn to the outcome: completing, failing, cancelling,
 * exhausting. At the end: completed, failed, cancelled, exhausted (out of time), stranded (it left something behind).
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

/** A goal in words, and how its answer is to be checked. */
const GoalRequest = z.strictObject({
  text: z.string().trim().min(1).max(20_000).describe('What to achieve, in words.'),
  rubric: z.string().min(1).max(20_000).optional().describe('By what a model is to judge the answer before it is given.'),
  review: z.boolean().optional().describe('Hold the plan until a person has seen it.'),
  answer: z
    .strictObject({
      schema: JsonSchema.optional().describe('JSON Schema of the `data` that the answer is to have beside its words.'),
      assert: z.array(z.string()).optional().describe('JSONata expressions over `result` (the answer) that must be true.'),
    })
    .optional(),
  escalate: StrictWorkflow.shape.escalate.describe(
    'Who is asked when a step has failed for good; by default whoever requested it, then "operators", ten minutes each.',
  ),
});

/**
 * POST /v1/runs: a workflow to carry out, or a goal to reach, and never both. Durations are in ms; `deadlineMs` counts from now and wins
 * over the workflow's own.
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

/** What submitting a run gives back: 201, or 200 for one that the same Idempotency-Key had submitted, or 202 when it was waited for in vain. */
export const Submitted = z.object({ id: z.string(), status: RunStatus, links: Links }).meta({ id: 'Submitted' });
export type Submitted = z.infer<typeof Submitted>;

/** One line of the list of runs. `held` counts what waits for a person. */
export const RunSummary = z
  .object({
    id: z.string(),
    status: RunStatus,
    workflow: z.string(),
    requestedBy: z.string(),
    requestedAt: Time,
    endedAt: Time.optional(),
    held: z.int(),
    /** What its models have cost, in millionths of a US dollar, where that is known. */
    costMicrousd: z.number().optional(),
    links: Links,
  })
  .meta({ id: 'RunSummary' });
export type RunSummary = z.infer<typeof RunSummary>;

/** GET /v1/runs: newest first. `next` is the cursor of the following page; without one, this was the last. */
export const RunPage = z.object({ runs: z.array(RunSummary), next: z.string().optional() }).meta({ id: 'RunPage' });
export type RunPage = z.infer<typeof RunPage>;

/** A word for where a step or an undo is: `pending` before it is asked for, then the answer in the newest of its slots. */
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

/** `asks`: it is what people are asked about the attempt or its undoing, of which nobody can tell; `uses` says whom, and `try` is the how manieth. */
const Undo = z.object({
  attempt: z.int(),
  try: z.int(),
  uses: z.string(),
  status: StepStatus,
  asks: z.literal(true).optional(),
  problem: Problem.optional(),
});

/** One step: its newest attempt (0 while pending), and how its effects were taken back. `standsFor`: it is that step's fallback, or what a person decided about it. */
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
    /** What its tool declares of the result, and it is not. */
    warnings: z.array(z.string()).optional(),
    /** What the model came to that performed it, and which it was. */
    usage: Usage.optional(),
    /** The address of the fact that it came by after its outcome had been decided otherwise. */
    late: z.string().optional(),
    /** What it left behind after the run had ended. */
    residue: Problem.optional(),
    undos: z.array(Undo),
  })
  .meta({ id: 'StepState' });
export type StepState = z.infer<typeof StepState>;

/** An open question: the address of the slot, the slot, who has to fill it (a service, or `a person`), and since when. */
export const Waiting = z.object({ address: z.string(), waitsFor: z.string(), owedBy: z.string(), since: Time }).meta({ id: 'Waiting' });
export type Waiting = z.infer<typeof Waiting>;

const Place = z.object({ kind: z.string(), id: z.string(), n: z.int() });

/**
 * An attempt whose effect is, or may be, in the world though its run is over and does not rest on it. `why`: nothing undoes it
 * (`no-compensation`); its undo failed, was denied, or nobody can tell (`undo-failed`, `undo-denied`, `undo-in-doubt`); nobody can tell
 * whether it happened at all (`in-doubt`); it came when the run was over, or as nothing that was needed any more (`late`); or what it gave
 * was not what was promised (`result-rejected`).
 */
export const Remaining = Place.extend({
  uses: z.string(),
  why: z.enum(['no-compensation', 'undo-failed', 'undo-denied', 'undo-in-doubt', 'in-doubt', 'late', 'result-rejected']),
  problem: Problem,
  /** Why its result was not accepted. */
  rejected: Problem.optional(),
  /** What it returned, unless that is longer than 2,000 bytes. */
  result: Json.optional(),
  /** The address of the fact that tells what it returned. */
  fact: z.string().optional(),
}).meta({ id: 'Remaining' });
export type Remaining = z.infer<typeof Remaining>;

/**
 * What the models of a run came to, failed attempts included. `costMicrousd` (millionths of a US dollar) is of the calls whose price is known,
 * and left out when that is none; `scripted`: at least one answer came from a script, not from a model.
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

/** GET /v1/runs/{id}: the whole of a run, as its facts say. `waitsFor` is empty when it is over. */
export const Run = RunSummary.extend({
  shard: z.int(),
  deadlineAt: Time.optional(),
  /** What it is to achieve, in words, where it was not given a workflow. */
  goal: z.string().optional(),
  input: Json.optional(),
  answer: Json.optional(),
  /** Optional steps that failed, which the answer does without. */
  omitted: z.array(Omitted).optional(),
  problem: Problem.optional(),
  /** Somebody asked for it to stop. */
  cancel: z.object({ who: z.string(), why: z.string(), at: Time }).optional(),
  closingAt: Time.optional(),
  undone: z.array(Place),
  stranded: z.array(Remainder),
  /** What it left in the world, once it is over; `stranded` is part of it. */
  remaining: z.array(Remaining),
  steps: z.array(StepState),
  waitsFor: z.array(Waiting),
  usage: RunUsage,
  /** What services could not handle. */
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

/** What stands in a slot and cannot be read: why, and where. */
export const InvalidEntry = z
  .object({ invalid: z.string(), address: z.string(), time: Time, sequence: z.string() })
  .meta({ id: 'VoidEntry' });
export type InvalidEntry = z.infer<typeof InvalidEntry>;

/** GET /v1/runs/{id}/events, as JSON: everything said, in order. */
export const RunEvents = z.object({ events: z.array(z.union([CloudEvent, InvalidEntry])) }).meta({ id: 'RunEvents' });
export type RunEvents = z.infer<typeof RunEvents>;

/** POST /v1/runs/{id}/cancel; the body may be left out. */
export const CancelRequest = z
  .strictObject({ who: z.string().min(1).max(200).default('local'), why: z.string().max(2000).default('no reason was given') })
  .meta({ id: 'CancelRequest' });

/** 202 when it is being stopped; 200 with `changed: false` when that was decided before; 409 when the run ends otherwise. */
export const Cancelled = z
  .object({ id: z.string(), status: RunStatus, changed: z.boolean(), detail: z.string(), links: Links })
  .meta({ id: 'Cancelled' });
export type Cancelled = z.infer<typeof Cancelled>;

/** Something held for a person. `id` is `<shard>.<run>.<kind>.<id>.<n>`; `question` is the address of the held verdict. */
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
    /** JSON Schema of what has to be filled in to grant it. */
    form: JsonSchema.optional(),
    /** What is called, for a step or an undo. */
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

/** What came of a decision: 200 with the ruling, or 202 (`pending`) when policy has not looked at the vote within 10 s. */
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
    /** What the servers have beside them and cannot be offered. */
    refused: z.array(RefusedTool),
  })
  .meta({ id: 'ToolList' });
export type ToolList = z.infer<typeof ToolList>;

/** GET /v1/components: by name, the oldest instance first. */
export const ComponentList = z.object({ components: z.array(Component) }).meta({ id: 'ComponentList' });
export type ComponentList = z.infer<typeof ComponentList>;

/**
 * GET /v1/runs/{id}/events?tokens=true, as server-sent events: the data of an `event: tokens`. A piece of what the step `at` is making;
 * some may be missing, and none is kept.
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
    /** For a 500: the id under which the log has more. */
    errorId: z.string().optional(),
  })
  .meta({ id: 'ProblemDetails' });
export type ProblemDetails = z.infer<typeof ProblemDetails>;
