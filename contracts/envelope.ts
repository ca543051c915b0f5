/** What a fact looks like on the wire: one CloudEvents 1.0 structured JSON object (https://github.com/cloudevents/spec). */
import { z } from 'zod';
import { type About, type Address, aboutOf, type Parts, type Place } from './address.ts';

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export const Json = z.unknown() as unknown as z.ZodType<Json>;

/** A JSON Schema, draft 2020-12 or 7; its own correctness is checked where it is compiled. */
export type JsonSchema = { [key: string]: Json };
export const JsonSchema = z.record(z.string(), z.unknown()) as unknown as z.ZodType<JsonSchema>;

/**
 * An object in a fact, as it is read. Fields that a later version added pass and are kept. So every version computes the same digest and
 * makes the same copy, and services of two versions can judge and perform the same call.
 */
export const growing = <Fields extends z.ZodRawShape>(fields: Fields): z.ZodObject<Fields> => z.looseObject(fields);

/** The envelope. `id` is the address; `causationid` is the address of the fact that caused this one (its own for the first of a run). */
export const Envelope = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.string(),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json').optional(),
  runid: z.string(),
  causationid: z.string(),
  traceparent: z.string().optional(),
  /** The fields of `data`, comma-separated, that are in the blob store because they are large. */
  blobs: z.string().optional(),
  data: z.record(z.string(), z.unknown()),
});
export type Envelope = z.infer<typeof Envelope>;

/** A fact as read from the log. `time` is when the broker stored it (ms since the epoch): decisions use no other clock. */
export type Event<Data = unknown, Type extends string = string> = {
  readonly address: Address;
  readonly at: Parts;
  readonly type: Type;
  readonly seq: number;
  readonly time: number;
  readonly source: string;
  readonly cause: Address;
  readonly traceparent?: string | undefined;
  readonly data: Data;
};

/** A fact for the bus to publish. The bus adds the run, the cause, the source, the time and the trace. */
export type Draft<Data = unknown> = { readonly type: string; readonly slot: string; readonly at: Place; readonly data: Data };

/** One entry of the catalogue of facts; calling it makes a draft. */
export type FactDefinition<Type extends string = string, Shape extends z.ZodObject = z.ZodObject> = {
  (at: Place, data: z.input<Shape>): Draft<z.output<Shape>>;
  readonly type: Type;
  readonly about: About;
  readonly slot: string;
  readonly answer: string;
  readonly shape: Shape;
  readonly strict: z.ZodObject;
  /** One of these types must come earlier at the same place; otherwise this fact is invalid. */
  readonly after: readonly string[];
};

/**
 * Declares a fact: `fact('step', 'outcome', 'succeeded', {…})` has the type `step.outcome.succeeded` and lives in the slot `outcome`.
 * @param after `<slot>.<answer>`, one of which must come earlier at the same place.
 */
export function fact<A extends About, S extends string, N extends string, Fields extends z.ZodRawShape>(
  about: A,
  slot: S,
  answer: N,
  fields: Fields,
  after: readonly string[] = [],
): FactDefinition<`${A}.${S}.${N}`, z.ZodObject<Fields>> {
  const type = `${about}.${slot}.${answer}` as const;
  const draft = (at: Place, data: unknown): Draft => {
    if (aboutOf(at.kind) !== about) throw new Error(`${type} cannot be said about a ${at.kind}`);
    return { type, slot, at, data };
  };
  const shape = growing(fields);
  const strict = z.strictObject(fields);
  return Object.assign(draft, { type, about, slot, answer, shape, strict, after: after.map((what) => `${about}.${what}`) }) as never;
}

/** Why something failed, for a machine (`code`, in kebab-case) and for a person (`message`: what, where, what to do). */
export const Problem = z.object({
  code: z.string(),
  message: z.string(),
  /** The id of the step it happened in. */
  step: z.string().optional(),
  /** False when a retry cannot help. */
  retryable: z.boolean().optional(),
  /** How long to wait before a retry, in ms, when the refusing side gave it. */
  retryAfterMs: z.int().min(0).optional(),
});
export type Problem = z.infer<typeof Problem>;
