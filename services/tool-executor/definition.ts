/** What is known about a tool before it is called, from what a server, a document or a module says of it and what the configuration knows better. */
import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import { canonical, digestOf } from '@reel/bus/runtime/digest.ts';
import { cleaned } from '@reel/bus/runtime/secrets.ts';
import type { JsonSchema } from '@reel/contracts/envelope.ts';
import { compileSchema } from '@reel/contracts/schema.ts';
import { type Compensation, type Effect, StrictCompensation, type ToolDefinition } from '@reel/contracts/tool.ts';
import { z } from 'zod';
import type { InProcessTool } from '../../infra/bus/define-tool.ts';
import type { Api, Override } from './config.ts';
import type { ApiOperation } from './openapi.ts';

const TIMEOUT_MS = 30_000;
const CONCURRENCY = 16;
/** What a definition may have: nothing a model could be shown whole has more. */
const MOST_BYTES = 256 * 1024;

/** The name under which tools in process stand where the name of their server would. */
export const IN_PROCESS = 'module';

/** Where a server's tool may say what undoes it, in its `_meta`. */
const COMPENSATION = 'reel/compensation';

/** A tool's name is its key in the registry. */
export const isToolName = (name: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9_./-]{0,127}$/.test(name) && !name.endsWith('.');

/** What a server or an API says of its tools beside what they say themselves. */
type Names = Pick<Api, 'prefix' | 'tools'>;

/** What a tool is called here. */
export const nameHere = (own: string, { prefix, tools }: Names): string => tools[own]?.as ?? `${prefix}${own}`;

/** What undoes a tool of a server is probably another of the same. */
const undoneHere = (said: Compensation | undefined, names: Names): Compensation | undefined =>
  said === undefined ? undefined : { ...said, uses: nameHere(said.uses, names) };

/** @throws when what the tool says of its compensation is none, or a schema of it cannot be used. */
export function ofServer(server: string, tool: Tool, names: Names): ToolDefinition {
  const override = names.tools[tool.name] ?? {};
  return sealed({
    name: nameHere(tool.name, names),
    description: tool.description ?? '',
    server,
    input: tool.inputSchema as JsonSchema,
    ...(tool.outputSchema === undefined ? {} : { output: tool.outputSchema as JsonSchema }),
    effect: override.effect ?? effectOf(tool),
    ...settings({ ...override, compensation: override.compensation ?? undoneHere(compensationOf(tool), names) }),
  });
}

/** An operation of the API `name`; its compensation stands in the document as `x-reel-compensation`. */
export function ofOperation(name: string, operation: ApiOperation, api: Api): ToolDefinition {
  const override = api.tools[operation.name] ?? {};
  return sealed({
    name: nameHere(operation.name, api),
    description: operation.description,
    server: name,
    input: operation.input,
    ...(operation.output === undefined ? {} : { output: operation.output }),
    effect: override.effect ?? operation.effect,
    ...settings({ timeoutMs: api.timeoutMs, compensation: undoneHere(operation.compensation, api), ...override }),
  });
}

/** @throws when a schema of the tool has no form in JSON Schema. */
export function ofModule(tool: InProcessTool): ToolDefinition {
  return sealed({
    name: tool.name,
    description: tool.description,
    server: IN_PROCESS,
    input: jsonSchema(tool.input, 'input'),
    ...(tool.output === undefined ? {} : { output: jsonSchema(tool.output, 'output') }),
    effect: tool.effect,
    ...settings({ ...tool, output: tool.outputCheck }),
  });
}

type Settings = Omit<Override, 'effect' | 'as'>;

/** What holds of every call, wherever it was said. What nobody said is left out: the digest is over what there is. */
function settings({ timeoutMs = TIMEOUT_MS, concurrency = CONCURRENCY, output, compensation, retry, withinMs }: Settings) {
  return {
    timeoutMs,
    concurrency,
    ...(output === undefined ? {} : { outputCheck: output }),
    ...(compensation === undefined ? {} : { compensation }),
    ...(retry === undefined ? {} : { retry }),
    ...(withinMs === undefined ? {} : { withinMs }),
  };
}

/** Everybody is shown what a tool says of itself: it may repeat what it was given, and is kept in memory by all who read it. */
function sealed(said: Omit<ToolDefinition, 'digest'>): ToolDefinition {
  const bytes = Buffer.byteLength(JSON.stringify(said));
  if (bytes > MOST_BYTES) throw new Error(`it has a definition of ${bytes} bytes, and may have ${MOST_BYTES}`);
  for (const part of ['input', 'output'] as const) if (said[part] !== undefined) usable(part, said[part]);
  const all = cleaned(said);
  return { ...all, digest: digestOf(all) };
}

/** @throws when nothing could ever be checked by the schema. */
function usable(part: string, schema: JsonSchema): void {
  try {
    compileSchema(schema);
  } catch (error) {
    throw new Error(`its ${part} schema is ${(error as Error).message}`);
  }
}

/** In which parts a tool is not what it was, in words. */
export function differencesOf(before: ToolDefinition, now: ToolDefinition): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => name !== 'digest') as (keyof ToolDefinition)[];
  const differing = names.filter((name) => canonical(before[name]) !== canonical(now[name]));
  const short = (value: unknown): boolean => value === undefined || ['number', 'string'].includes(typeof value);
  const words = differing.map((name) => {
    const [was, is] = [before[name], now[name]];
    if (name === 'description' || !short(was) || !short(is)) return `its ${name} differs`;
    return `its ${name} is ${JSON.stringify(is) ?? 'not said'}, and was ${JSON.stringify(was) ?? 'not said'}`;
  });
  return words.join(', ') || 'it differs in nothing that is known of it';
}

const jsonSchema = (schema: z.ZodType, io: 'input' | 'output'): JsonSchema => z.toJSONSchema(schema, { io }) as unknown as JsonSchema;

function effectOf({ annotations }: Tool): Effect {
  if (annotations?.readOnlyHint === true) return 'read-only';
  return annotations?.idempotentHint === true ? 'idempotent' : 'once';
}

function compensationOf(tool: Tool): Compensation | undefined {
  const said = tool._meta?.[COMPENSATION];
  if (said === undefined) return undefined;
  const parsed = StrictCompensation.safeParse(said);
  if (parsed.success) return parsed.data;
  const expected = 'expected { uses: the name of a tool, with: its arguments }';
  throw new Error(`_meta["${COMPENSATION}"]: ${expected}, is ${JSON.stringify(said)}`);
}
