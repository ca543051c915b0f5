/**
 * What an MCP server answers, read no more strictly than it is used: one tool that is wrong costs that tool, and a result is a result
 * whatever its structured content is. The SDK's own shapes refuse the whole answer.
 */
import { type Tool, ToolSchema } from '@modelcontextprotocol/sdk/types.js';
import type { Json } from '@reel/contracts/envelope.ts';
import { z } from 'zod';

export const ToolPage = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.string().nullish() });

type Item = { readonly type: string; readonly [name: string]: unknown };
/** The item itself, not a copy: whatever its members are called, they stay. */
const Item = z.custom<Item>((one) => typeof (one as Item | null)?.type === 'string', 'expected an object with a type');

export const CallResult = z.looseObject({
  content: z.array(Item).nullish(),
  structuredContent: z.unknown().optional(),
  isError: z.boolean().nullish(),
  _meta: z.record(z.string(), z.unknown()).nullish(),
});
export type CallResult = z.infer<typeof CallResult>;

/** What a server listed: its tools, and what is none, by its name where it has one. */
export type Listed = { readonly tools: readonly Tool[]; readonly refused: readonly { readonly tool: string; readonly why: string }[] };

export function toolsIn(listed: readonly unknown[]): Listed {
  const tools: Tool[] = [];
  const refused: { tool: string; why: string }[] = [];
  for (const [index, one] of listed.entries()) {
    const { data, error } = ToolSchema.safeParse(one);
    const { name } = (one ?? {}) as { name?: unknown };
    if (data !== undefined) tools.push(data);
    else refused.push({ tool: typeof name === 'string' ? name : `number ${index + 1} of its list`, why: whyNot(error, one) });
  }
  return { tools, refused };
}

function whyNot({ issues }: z.ZodError, given: unknown): string {
  const [issue] = issues;
  const path = issue?.path ?? [];
  const found = path.reduce<unknown>((within, key) => (within as { [key: PropertyKey]: unknown } | null | undefined)?.[key], given);
  return `${path.map(String).join('.') || 'it'}: ${issue?.message ?? 'it is no tool'}, is ${JSON.stringify(found) ?? 'missing'}`;
}

/** The text of an answer that is nothing but text. */
export function textOf({ content }: CallResult): string | undefined {
  const [first, ...more] = content ?? [];
  return more.length === 0 && first?.type === 'text' && typeof first['text'] === 'string' ? first['text'] : undefined;
}

/** Everything that an answer says in words. */
export const wordsOf = ({ content }: CallResult): string =>
  (content ?? []).flatMap((item) => (item.type === 'text' && typeof item['text'] === 'string' ? [item['text']] : [])).join('\n');

export const contentOf = ({ content }: CallResult): Json => (content ?? []) as unknown as Json;
