/** What a model has said so far: a stream of chunks, folded into one reply. */
import { z } from 'zod';

/** `usage` is undefined until the provider has counted, which some never do; `finishReason` until the model has stopped of itself. */
export type Reply = {
  /** Without what it thought aloud before. */
  readonly text: string;
  /** Everything that came as content. */
  readonly raw: string;
  readonly reasoning: string;
  readonly refusal: string;
  readonly finishReason: string | undefined;
  /** What went wrong at the provider in the middle of it, where the choice says so. */
  readonly error: { readonly code?: unknown; readonly message?: unknown } | undefined;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
  /** Which model answered, in the provider's words. */
  readonly model: string | undefined;
};

export const nothingYet: Reply = {
  text: '',
  raw: '',
  reasoning: '',
  refusal: '',
  finishReason: undefined,
  error: undefined,
  usage: undefined,
  model: undefined,
};

const words = z.string().nullish();
const count = z.int().min(0).nullish();
/** Content is a text, or a list of parts of which some are text. */
const Content = z
  .union([z.string(), z.array(z.union([z.string(), z.looseObject({ type: z.string().optional(), text: z.unknown().optional() })]))])
  .nullish();
const Said = z.object({ content: Content, refusal: words, reasoning_content: words, reasoning: z.unknown().optional() }).nullish();
// As loose as the providers are: what is not needed is not looked at.
const Chunk = z.object({
  model: words,
  choices: z
    .array(
      z.object({
        index: z.number().nullish(),
        delta: Said,
        /** Of whoever does not stream. */
        message: Said,
        finish_reason: words,
        error: z.looseObject({ code: z.unknown().optional(), message: z.unknown().optional() }).nullish(),
      }),
    )
    .nullish(),
  usage: z.object({ prompt_tokens: count, completion_tokens: count }).nullish(),
});

/**
 * The reply with one more chunk.
 * @returns it, and the text that the chunk adds.
 * @throws ZodError when it is no chunk of a chat completion.
 */
export function heardMore(reply: Reply, raw: unknown): { reply: Reply; more: string } {
  const { model, choices, usage } = Chunk.parse(raw);
  // Where several answers were asked for, the first is the answer.
  const choice = choices?.find(({ index }) => (index ?? 0) === 0);
  const said = choice?.delta ?? choice?.message;
  const counted = usage ? { inputTokens: usage.prompt_tokens ?? 0, outputTokens: usage.completion_tokens ?? 0 } : undefined;
  const all = reply.raw + textOf(said?.content);
  // Some say an empty one for as long as there is none.
  const finishReason = choice?.finish_reason || reply.finishReason;
  const { text, thought } = apart(all, finishReason !== undefined);
  const reasoning = said?.reasoning_content ?? (typeof said?.reasoning === 'string' ? said.reasoning : '');
  return {
    more: text.startsWith(reply.text) ? text.slice(reply.text.length) : '',
    reply: {
      text,
      raw: all,
      reasoning: thought === '' ? reply.reasoning + reasoning : thought,
      refusal: reply.refusal + (said?.refusal ?? ''),
      finishReason,
      error: choice?.error ?? reply.error,
      usage: counted ?? reply.usage,
      model: model ?? reply.model,
    },
  };
}

function textOf(content: z.infer<typeof Content>): string {
  if (typeof content === 'string') return content;
  return (content ?? [])
    .map((part) => (typeof part === 'string' ? part : typeof part.text === 'string' && part.type !== 'thinking' ? part.text : ''))
    .join('');
}

const TAGS = ['<think>', '<thinking>', '<reasoning>'];

/**
 * The answer, and what was thought aloud before it between `<think>` and `</think>`. Some send the end alone.
 * @param isOver nothing more will come: what looks like the beginning of a tag is none.
 */
export function apart(raw: string, isOver: boolean): { readonly text: string; readonly thought: string } {
  const begun = raw.trimStart();
  const tag = TAGS.find((one) => begun.startsWith(one));
  if (tag !== undefined) {
    const end = begun.indexOf(`</${tag.slice(1)}`);
    if (end < 0) return { text: '', thought: begun.slice(tag.length) };
    return { text: begun.slice(end + tag.length + 1).trimStart(), thought: begun.slice(tag.length, end).trim() };
  }
  if (!isOver && TAGS.some((one) => one.startsWith(begun))) return { text: '', thought: '' };
  const end = isOver && !raw.includes('<think>') ? raw.indexOf('</think>') : -1;
  if (end >= 0) return { text: raw.slice(end + '</think>'.length).trimStart(), thought: raw.slice(0, end).trim() };
  return { text: raw, thought: '' };
}
