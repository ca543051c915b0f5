/** What comes from outside is read up to a limit of bytes and no further, and the one who waits for it is told at once. */

/** More came than is read. The message says how much that is. */
export class TooMuch extends Error {
  readonly limitBytes: number;
  constructor(what: string, limitBytes: number) {
    super(`${what} has more than ${limitBytes} bytes`);
    this.limitBytes = limitBytes;
  }
}

/** Counts what passes. @throws TooMuch when that is more than may pass. */
export type Meter = (chunk: Uint8Array) => void;
/** A meter that looks at nothing but how much it is. */
export type Count = (chunk: Pick<Uint8Array, 'byteLength'>) => void;

/** The bytes are no UTF-8. Reading them as text would change them. */
export class NotText extends Error {
  constructor() {
    super('it is not text in UTF-8');
  }
}

/** Lets nothing pass but UTF-8, cut as it may be. @throws NotText */
export function utf8(): Meter {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return (chunk) => {
    try {
      decoder.decode(chunk, { stream: true });
    } catch {
      throw new NotText();
    }
  };
}

/** So many bytes in all. */
export function upTo(limitBytes: number, what: string): Count {
  let bytes = 0;
  return ({ byteLength }) => {
    bytes += byteLength;
    if (bytes > limitBytes) throw new TooMuch(what, limitBytes);
  };
}

/** So many bytes without a blank line between them, which ends an event: readers of events keep what they have of one. */
export function perEvent(limitBytes: number, what: string): Meter {
  let bytes = 0;
  let atBeginOfLine = false;
  return (chunk) => {
    const begin = beginOfLast(chunk, atBeginOfLine);
    bytes = begin === undefined ? bytes + chunk.byteLength : chunk.byteLength - begin;
    if (bytes > limitBytes) throw new TooMuch(what, limitBytes);
    const last = lastBut(chunk, chunk.byteLength - 1);
    atBeginOfLine = last === -1 ? atBeginOfLine : chunk[last] === NEWLINE;
  };
}

const [NEWLINE, RETURN] = [10, 13];

/** The place after the last blank line in a piece; `isBegin`: what came before it ended with an end of line. */
function beginOfLast(chunk: Uint8Array, isBegin: boolean): number | undefined {
  for (let end = chunk.lastIndexOf(NEWLINE); end !== -1; end = end === 0 ? -1 : chunk.lastIndexOf(NEWLINE, end - 1)) {
    const before = lastBut(chunk, end - 1);
    if (before === -1 ? isBegin : chunk[before] === NEWLINE) return end + 1;
  }
  return undefined;
}

/** The last place up to this one that has no carriage return. */
function lastBut(chunk: Uint8Array, from: number): number {
  let place = from;
  while (place >= 0 && chunk[place] === RETURN) place -= 1;
  return place;
}

/** So many bytes at once, and as many again in every minute: for what comes unasked, and may go on forever. */
export function perMinute(limitBytes: number, what: string): Count {
  let left = limitBytes;
  let sinceMs = performance.now();
  return ({ byteLength }) => {
    const nowMs = performance.now();
    left = Math.min(limitBytes, left + ((nowMs - sinceMs) / 60_000) * limitBytes) - byteLength;
    sinceMs = nowMs;
    if (left < 0) throw new TooMuch(`${what} in a minute`, limitBytes);
  };
}

/** The same response, whose body ends with TooMuch, and its connection with it, when a meter says so. Bytes are counted decompressed. */
export const metered = (response: Response, ...meters: readonly Meter[]): Response =>
  observed(response, (chunk) => {
    for (const meter of meters) meter(chunk);
  });

/** The same response. @param each looks at every piece, and may throw to end it. @param over hears its end, with the error where it is one. */
export function observed(response: Response, each: Meter, over: (error?: unknown) => void = () => {}): Response {
  if (response.body === null) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) {
            each(value);
            return controller.enqueue(value);
          }
          controller.close();
          over();
        } catch (error) {
          controller.error(error);
          over(error);
          await reader.cancel(error).catch(() => {});
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, response);
}

/** The TooMuch that an error is, or was caused by. */
export const tooMuchIn = (error: unknown): TooMuch | undefined => causeIn(error, TooMuch);

/** An error of this kind that an error is, or was caused by. */
export function causeIn<Kind extends Error>(error: unknown, kind: new (...args: never) => Kind): Kind | undefined {
  for (let now = error, depth = 0; now instanceof Error && depth < 10; now = now.cause, depth += 1) if (now instanceof kind) return now;
  return undefined;
}
