/**
 * How a provider wants to be asked. Chat Completions are spoken in dialects: what one requires another refuses. A refusal that names a part
 * of the request tells which; that part is left out or said otherwise from then on, for as long as the process runs.
 */
import { Json, type JsonSchema } from '@reel/contracts/envelope.ts';
import { limitsAgain } from '@reel/contracts/schema.ts';
import { APIError } from 'openai';
import { z } from 'zod';

/** How an answer of a given form is asked for: by its schema; as some JSON, with the schema in words; in words alone. */
const Structured = z.enum(['json_schema', 'json_object', 'words']);

export const RequestSettings = z.strictObject({
  structured: Structured.optional(),
  /** Whether the counts of a stream are asked for. */
  streamOptions: z.boolean().optional(),
  maxTokens: z.int().positive().optional(),
  maxTokensField: z.enum(['max_tokens', 'max_completion_tokens']).optional(),
  headers: z.record(z.string(), z.string()).default({}),
  /** Goes into the request as it is. */
  extraBody: z.record(z.string(), Json).default({}),
});
export type RequestSettings = z.infer<typeof RequestSettings>;

export type Dialect = {
  readonly structured: z.infer<typeof Structured>;
  readonly streamOptions: boolean;
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
};

export const dialectOf = ({ structured, streamOptions, maxTokensField }: RequestSettings): Dialect => ({
  structured: structured ?? 'json_schema',
  streamOptions: streamOptions ?? true,
  maxTokensField: maxTokensField ?? 'max_completion_tokens',
});

/** The dialect to try after a refusal; undefined when it does not say that it was the way of asking. */
export function afterRefusal(dialect: Dialect, error: unknown, isStructured: boolean): Dialect | undefined {
  if (!(error instanceof APIError) || ![400, 404, 415, 422, 501].includes(error.status ?? 0)) return undefined;
  const said = `${error.param ?? ''} ${error.message}`.toLowerCase();
  if (dialect.streamOptions && /stream_options|include_usage/.test(said)) return { ...dialect, streamOptions: false };
  if (/max_tokens|max_completion_tokens/.test(said)) {
    const other = dialect.maxTokensField === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
    return said.includes(dialect.maxTokensField) ? { ...dialect, maxTokensField: other } : undefined;
  }
  if (!isStructured || dialect.structured === 'words' || !/response_format|json_schema|json_object|schema|structured/.test(said))
    return undefined;
  return { ...dialect, structured: dialect.structured === 'json_schema' ? 'json_object' : 'words' };
}

/** Under this name an answer stands that is no object: providers take objects alone. */
export const WRAPPED = 'result';

/** The schema that providers take: that of an object, which holds the answer where the answer is none. */
export function objectSchema(output: JsonSchema): JsonSchema {
  if (isObject(output)) return { type: 'object', ...output };
  const { $defs, definitions, $schema: _, ...inner } = output;
  return {
    type: 'object',
    properties: { [WRAPPED]: inner as Json },
    required: [WRAPPED],
    additionalProperties: false,
    // References reach them from the root.
    ...($defs === undefined ? {} : { $defs }),
    ...(definitions === undefined ? {} : { definitions }),
  };
}

export const isObject = ({ type, properties, required }: JsonSchema): boolean =>
  type === 'object' || (type === undefined && (properties !== undefined || required !== undefined));

/** The part of a request that says what the answer is to look like, and the words for it. */
export function formOf({ structured }: Dialect, output: JsonSchema | undefined): { readonly format?: object; readonly words?: string } {
  if (output === undefined) return {};
  const schema = limitsAgain(objectSchema(output));
  if (structured === 'json_schema') return { format: { type: 'json_schema', json_schema: { name: 'result', strict: false, schema } } };
  const words = `Answer with nothing but JSON that keeps to this JSON Schema:\n${JSON.stringify(schema)}`;
  return structured === 'json_object' ? { format: { type: 'json_object' }, words } : { words };
}
