/** The gateway as the command line sees it: plain HTTP, with errors that say what to do. */

import { type Meter, metered, perEvent, upTo } from '@reel/bus/process/bounded-read.ts';
import { inLine, line } from '@reel/bus/process/terminal.ts';
import { withoutTrailing } from '@reel/contracts/trailing.ts';
import type { CloudEvent, InvalidEntry, ProblemDetails, Tokens } from '@reel/gateway/shapes.ts';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { reachable } from '../local/local.ts';
import { EXIT, exitOf } from './exit-codes.ts';

/** Something that was refused, in words for the terminal. */
export class Refused extends Error {
  /** How the command line ends with it. */
  readonly exit: number;
  readonly problem: ProblemDetails | undefined;
  constructor(message: string, exit: number = EXIT.usage, problem?: ProblemDetails) {
    super(message);
    this.exit = exit;
    this.problem = problem;
  }
}

export type Told = CloudEvent | InvalidEntry;

/** A run of a thousand steps with large results; and a fact, every letter of which may take six in JSON. */
const ANSWER_BYTES = 512 * 1024 * 1024;
const EVENT_BYTES = 8 * 1024 * 1024;

/** Where the gateway is: REEL_API, or what was started in this folder, or the default. */
async function base(): Promise<string> {
  const named = process.env['REEL_API'];
  // `localhost:7070` is what people write.
  if (named) {
    const url = /^https?:\/\//.test(named) ? named : `http://${named}`;
    if (!URL.canParse(url) || new URL(url).pathname.includes('//'))
      throw new Refused(
        `REEL_API is ${JSON.stringify(named)}, which is no address: host:port or a URL of http or https is expected`,
        EXIT.usage,
      );
    return withoutTrailing(url, '/');
  }
  return (await reachable(process.env['REEL_DIR'] ?? '.reel'))?.api ?? 'http://127.0.0.1:7070';
}

/** Sends a request. @throws Refused with the reasons of the gateway, or with what to do when no gateway answers. */
export async function ask<T>(method: 'GET' | 'POST', path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const init = {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const response = await reach(path, init, upTo(ANSWER_BYTES, 'the answer of the gateway'));
  return (await response.json()) as T;
}

async function reach(path: string, init: RequestInit, ...meters: readonly Meter[]): Promise<Response> {
  const url = await base();
  let response: Response;
  try {
    response = metered(await fetch(`${url}${path}`, init), ...meters);
  } catch (error) {
    const cause = (error as Error & { cause?: Error }).cause?.message ?? (error as Error).message;
    throw new Refused(
      `no Reel answers at ${url} (${cause}).\n  Start one here with:   npx reel up\n  or name another with:  REEL_API=host:port`,
      EXIT.unavailable,
    );
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({ type: '', title: response.statusText, detail: '' }))) as ProblemDetails;
  throw new Refused(inWords(problem), exitOf(response.status), problem);
}

/** @param file where the workflow stands, so that its own places are told and not those in the request. */
export function inWords({ type, title, detail, errors = [] }: ProblemDetails, file?: string): string {
  const lines = errors.map(({ path, message, line: row, column }) => {
    const within = file === undefined ? undefined : /^body\.workflow\b\.?(.*)$/.exec(path)?.[1];
    const place = row === undefined ? '' : `${row}:${column ?? 1}`;
    if (within === undefined) return line`  ${place === '' ? '' : `${place}  `}${path}: ${message}`;
    return line`  ${[file, place].filter(Boolean).join(':')}  ${within === '' ? '' : `${within}: `}${message}`;
  });
  // The fields say more than their sum does.
  return [
    detail === '' || (lines.length > 0 && type.endsWith('/invalid-request')) ? inLine(title) : line`${title}: ${detail}`,
    ...lines,
  ].join('\n');
}

/** The facts of a run as they are said, from the first, until the run is over. */
export async function* follow(run: string, signal?: AbortSignal): AsyncGenerator<Told> {
  for await (const one of watch(run, { tokens: false, signal })) if (!('text' in one)) yield one;
}

/** The same; with `tokens` also the pieces that are shown of what it is making, as far as this reader keeps up. */
export async function* watch(
  run: string,
  { tokens, signal }: { tokens: boolean; signal?: AbortSignal | undefined },
): AsyncGenerator<Told | Tokens> {
  // The gateway lets go of readers who are far behind; they resume where they were.
  for (let last = '0'; ; ) {
    const init = { headers: { accept: 'text/event-stream', 'last-event-id': last }, ...(signal === undefined ? {} : { signal }) };
    const path = `/v1/runs/${run}/events${tokens ? '?tokens=true' : ''}`;
    const response = await reach(path, init, perEvent(EVENT_BYTES, 'a fact'));
    if (response.status === 204) return;
    const events = response.body?.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const { id = last, data } of events ?? []) {
      last = id;
      const one = JSON.parse(data) as Told | Tokens;
      yield one;
      if (!('text' in one) && ('type' in one ? one.id : one.address).endsWith('.run.run.1.outcome')) return;
    }
  }
}
