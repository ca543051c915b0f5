/** What a model has said so far: a stream of chunks, folded into one reply. */
import { z } from 'zod';

/** `usage` is undefined until the provider has counted, which some never do; `finishReason` until the model has stopped of itself. */
export type Reply = {
  readonly text: string;
  readonly refusal: string;
  readonly finishReason: string | undefined;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
  /** Which model answered, in the provider's words. */
  readonly model: string | undefined;
};

export const nothingYet: Reply = { text: '', refusal: '', finishReason: undefined, usage: undefined, model: undefined };

const words = z.string().nullish();
const count = z.int().min(0).nullish();
// As loose as the providers are: what is not needed is not looked at.
const Chunk = z.object({
  model: words,
  choices: z.array(z.object({ delta: z.object({ content: words, refusal: words }).nullish(), finish_reason: words })).nullish(),
  usage: z.object({ prompt_tokens: count, completion_tokens: count }).nullish(),
});

/**
 * The reply with one more chunk.
 * @returns it, and the text that the chunk adds.
 * @throws ZodError when it is no chunk of a chat completion.
 */
export function heardMore(reply: Reply, raw: unknown): { reply: Reply; more: string } {
  const { model, choices, usage } = Chunk.parse(raw);
  const choice = choices?.[0];
  const more = choice?.delta?.content ?? '';
  const counted = usage ? { inputTokens: usage.prompt_tokens ?? 0, outputTokens: usage.completion_tokens ?? 0 } : undefined;
  return {
    more,
    reply: {
      text: reply.text + more,
      refusal: reply.refusal + (choice?.delta?.refusal ?? ''),
      finishReason: choice?.finish_reason ?? reply.finishReason,
      usage: counted ?? reply.usage,
      model: model ?? reply.model,
    },
  };
}
