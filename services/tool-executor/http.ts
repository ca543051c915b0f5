/**
 * Carries a call's idempotency key and trace as HTTP headers, reads no more of an answer than it may have, and notices when the answer will
 * not come any more: the SDK would wait for it until the call's time is up. A stream whose events bear ids may end early; the SDK then asks
 * for the rest of it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { FetchLike } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type Count, type Meter, metered, NotText, observed, TooMuch, utf8 } from '@reel/bus/process/bounded-read.ts';
import { exactText } from '@reel/contracts/exact-json.ts';
import { parsed } from './media.ts';

/** One request on its way: what goes with it, how much of its answers may pass, and whom to tell that it will not be answered. */
export type Post = {
  readonly headers: Record<string, string>;
  readonly meter: Meter;
  readonly lost: (reason: Error) => void;
  /** The greeting also opens the stream of what the server says unasked, which is no part of its answer. */
  readonly greets?: boolean;
};
type UnderWay = Post & { misses: number };

/** How a stream that ended early is asked for; a server that says `retry` says when. */
export const resuming = { initialReconnectionDelay: 500, reconnectionDelayGrowFactor: 2, maxReconnectionDelay: 5_000, maxRetries: 3 };

// The SDK offers no headers per request; the call that a fetch belongs to, later ones included, is known by the context in which it is made.
const underWay = new AsyncLocalStorage<UnderWay>();

/** Does `send` so that whatever it posts belongs to `post`. */
export const posting = <T>(post: Post, send: () => T): T => underWay.run({ ...post, misses: 0 }, send);

/** What it costs to open a stream once more: a server that ends it at once would have it opened without end. */
const OPENING = { byteLength: 4096 };

/** `fetch` for the SDK's transport. @param unasked counts what comes without having been asked for. @param other makes a meter for the rest. */
export const fetchFor = (unasked: Count, other: () => Meter): FetchLike => {
  return async (url, init) => {
    const post = underWay.getStore();
    const headers = new Headers(init?.headers);
    if (init?.method === 'GET') {
      if (post !== undefined && post.greets !== true && headers.has('last-event-id'))
        return exactly(await resume(post, () => fetch(url, init)));
      unasked(OPENING);
      return exactly(metered(await fetch(url, init), unasked));
    }
    if (post === undefined || init?.method !== 'POST') return exactly(metered(await fetch(url, init), other()));
    for (const [name, value] of Object.entries(post.headers)) headers.set(name, value);
    return exactly(watched(await fetch(url, { ...init, headers }), post, isRequest(init.body)));
  };
};

/** The same response, with the digits of its numbers kept: the SDK reads JSON itself. No number and no text goes over a line. */
export function exactly(response: Response): Response {
  const type = response.headers.get('content-type') ?? '';
  if (response.body === null || !/json|event-stream/i.test(type)) return response;
  const isEvents = /event-stream/i.test(type);
  // The id of an event is not JSON, and comes back to the server as it was.
  const exact = isEvents ? (text: string) => text.replace(/(?<=^|[\r\n])data:[^\r\n]*/g, exactText) : exactText;
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let pending = '';
  let last = '';
  const lines = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const text = decoder.decode(chunk, { stream: true });
      last = text.at(-1) ?? last;
      const end = Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1;
      if (end > 0) controller.enqueue(encoder.encode(exact(pending + text.slice(0, end))));
      pending = end > 0 ? text.slice(end) : pending + text;
    },
    flush(controller) {
      // A return that ends a line may be followed by the rest of its end: whoever reads events waits for that.
      controller.enqueue(encoder.encode(exact(pending + decoder.decode()) + (isEvents && last === '\r' ? '\n' : '')));
    },
  });
  return new Response(response.body.pipeThrough(lines), response);
}

/** Asks for the rest of an answer; what the SDK does not ask for again is lost. */
async function resume(post: UnderWay, ask: () => Promise<Response>): Promise<Response> {
  const miss = (why: string, cause?: unknown): void => {
    post.misses += 1;
    if (post.misses >= resuming.maxRetries) post.lost(new Error(`the connection ended without an answer, and ${why}`, { cause }));
  };
  try {
    const response = await ask();
    if (response.status === 405) post.lost(new Error('the connection ended without an answer, and the server does not resume it'));
    else if (!response.ok) miss(`the server answered ${response.status} when it was asked for the rest`);
    else post.misses = 0;
    return watched(response, post);
  } catch (error) {
    miss('the server cannot be reached any more', error);
    throw error;
  }
}

/** True for what is to be answered: not for a notification, nor for what answers the server. */
function isRequest(body: unknown): boolean {
  const message = typeof body === 'string' ? parsed(body) : undefined;
  return typeof message === 'object' && message !== null && 'id' in message && 'method' in message;
}

function watched(response: Response, { meter, lost, greets = false }: Post, isAsked = true): Response {
  const streams = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (!response.ok) return metered(response, meter);
  const text = utf8();
  if (!streams) {
    // What has arrived is read within the microtasks that follow, so an answer still comes first. More follows a greeting than its answer.
    const over = (): void => void (isAsked && !greets && setImmediate(lost, new Error('it answered without a result')));
    if (response.body === null || response.status === 202) over();
    const each = (chunk: Uint8Array): void => {
      meter(chunk);
      text(chunk);
    };
    return observed(response, each, (error) => error === undefined && over());
  }
  const ids = idsIn();
  const each = (chunk: Uint8Array): void => {
    meter(chunk);
    text(chunk);
    ids.look(chunk);
  };
  // What has arrived is read within the microtasks that follow, so an answer that came last still comes first.
  return observed(response, each, (error) => {
    // The rest of what is too much, or no text, is not asked for.
    if (error instanceof TooMuch || error instanceof NotText) setImmediate(lost, error);
    // More follows a greeting than its answer.
    else if (greets || ids.seen()) return;
    else if (error === undefined) setImmediate(lost, new Error('the connection ended without an answer'));
    else setImmediate(lost, new Error('the connection broke before the answer', { cause: error }));
  });
}

/** Looks for an event with an id in a stream: only after one, whole and with data, does the SDK ask for the rest. */
function idsIn(): { look(chunk: Uint8Array): void; seen(): boolean } {
  const decoder = new TextDecoder();
  let line = '';
  let after = '';
  let [hasId, hasData, seen] = [false, false, false];
  const end = (): void => {
    if (/^id: ?[^ ]/.test(line)) hasId = true;
    else if (line.startsWith('data')) hasData = true;
    else if (line === '') {
      seen ||= hasId && hasData;
      hasId = false;
      hasData = false;
    }
    line = '';
  };
  return {
    look(chunk) {
      if (seen) return;
      for (const letter of decoder.decode(chunk, { stream: true })) {
        if (letter === '\r' || (letter === '\n' && after !== '\r')) end();
        // What a line is shows at its beginning.
        else if (letter !== '\n' && line.length < 8) line += letter;
        after = letter;
      }
    },
    seen: () => seen,
  };
}
