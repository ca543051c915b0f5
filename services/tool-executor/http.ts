/**
 * Carries a call's idempotency key and trace as HTTP headers, and notices when the connection that was to carry the answer breaks: the
 * SDK would wait for the answer until the call's time is up.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';

/** One call on its way: what goes with it, and whom to tell that it will not be answered. */
export type Post = { readonly headers: Record<string, string>; readonly lost: (reason: Error) => void };

// The SDK offers no headers per request; the call that a fetch belongs to is known by the context in which it is made.
const underWay = new AsyncLocalStorage<Post>();

/** Does `send` so that whatever it posts belongs to `post`. */
export const posting = <T>(post: Post, send: () => T): T => underWay.run(post, send);

/** `fetch` for the SDK's transport. */
export const fetchCall: FetchLike = async (url, init) => {
  const post = underWay.getStore();
  if (post === undefined || init?.method !== 'POST') return await fetch(url, init);
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(post.headers)) headers.set(name, value);
  const response = await fetch(url, { ...init, headers });
  const streams = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (!response.ok || !streams || response.body === null) return response;
  return new Response(watched(response.body, post.lost), response);
};

function watched(body: ReadableStream<Uint8Array>, lost: Post['lost']): ReadableStream<Uint8Array> {
  // What has arrived is read within the microtasks that follow, so an answer that came last still comes first.
  const over = (reason: Error): unknown => setImmediate(lost, reason);
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
        over(new Error('the connection ended without an answer'));
      } catch (error) {
        controller.error(error);
        over(new Error('the connection broke before the answer', { cause: error }));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
