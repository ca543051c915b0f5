/** The offline model: an OpenAI-compatible HTTP server that answers from scenario files, and says that it does. It stands in where no model is configured. */
import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import {
  askedOf,
  ChatProblem,
  type ChatRequest,
  type Completion,
  contentDigestOf,
  MODEL,
  piecesOf,
  readRequest,
  scriptedFailure,
  usageOf,
  wantsJson,
  wholeOf,
} from './completion.ts';
import { type Asked, type Fitting, findReply } from './fitting.ts';
import { readScenarios, type Scenario } from './scenario.ts';

/** How the server lets time pass: resolves after `ms`, or rejects when the signal aborts. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<unknown>;

export type OfflineOptions = {
  /** Where the scenario files are. Read once, at the start. */
  readonly folder?: string | undefined;
  /** More scenarios, which are looked at first. */
  readonly scripts?: readonly Scenario[];
  /** 0: any free one. */
  readonly port?: number;
  readonly host?: string;
  readonly wait?: Wait;
};

export type Offline = {
  /** Its base URL, which ends in `/v1`. */
  readonly url: string;
  /** How many scenarios there are. */
  readonly scripts: number;
  /** Finishes what is being answered, without further delays, and stops. */
  close(): Promise<void>;
};

const BODY_BYTES = 8 * 1024 * 1024;
/** How many different requests are told apart when counting how often each was asked. */
const REMEMBERED = 10_000;
/** How long a client may take to read its answer while the server stops. */
const GRACE_MS = 2_000;

/** Starts it. @throws ScenarioError when a scenario file is wrong. */
export async function startOffline(options: OfflineOptions = {}): Promise<Offline> {
  const { folder, scripts = [], port = 0, host = '127.0.0.1', wait = (ms, signal) => setTimeout(ms, undefined, { signal }) } = options;
  const scenarios = [...scripts, ...(folder === undefined ? [] : await readScenarios(folder))];
  const closing = new AbortController();
  const desk: Desk = {
    scenarios,
    sources: sourcesText(scenarios.length, folder),
    attemptAt: attemptCounter(),
    closing: closing.signal,
    async pause(ms, gone) {
      if (ms > 0 && !closing.signal.aborted) await wait(ms, AbortSignal.any([gone, closing.signal])).catch(() => {});
    },
  };
  const server = createServer((request, response) => {
    response.on('close', () => closing.signal.aborted && server.closeIdleConnections());
    void serve(desk, request, response);
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, host, () => listening(void server.off('error', failed)));
  });
  const { port: given } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${given}/v1`,
    scripts: scenarios.length,
    async close() {
      closing.abort();
      const impatience = globalThis.setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await new Promise((closed) => server.close(closed));
      clearTimeout(impatience);
    },
  };
}

/** What answering a request needs. */
type Desk = {
  readonly scenarios: readonly Scenario[];
  readonly sources: string;
  readonly attemptAt: (content: string) => number;
  readonly closing: AbortSignal;
  readonly pause: (ms: number, gone: AbortSignal) => Promise<void>;
};

function sourcesText(count: number, folder: string | undefined): string {
  const scripts = `${count} script${count === 1 ? '' : 's'}`;
  if (folder !== undefined) return `${scripts} in ${basename(resolve(folder))}`;
  return count === 0 ? 'REEL_SCENARIOS names their folder, and is not set' : scripts;
}

/** Counts how often the same content was asked before. */
function attemptCounter(): Desk['attemptAt'] {
  const asked = new Map<string, number>();
  return (content) => {
    // Of a conversation its digest is kept, for the words are many.
    const key = hash('sha256', content);
    const before = asked.get(key) ?? 0;
    // The one that was asked longest ago goes first: a Map remembers the order in which its keys were set.
    asked.delete(key);
    asked.set(key, before + 1);
    if (asked.size > REMEMBERED) asked.delete(asked.keys().next().value as string);
    return before;
  };
}

async function serve(desk: Desk, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  if (desk.closing.aborted) response.setHeader('connection', 'close');
  response.setHeader('x-reel-scripted', 'none');
  try {
    await route(desk, request, response, gone.signal);
  } catch (error) {
    // Half an answer cannot be turned into an error: it is broken off, as a provider's would be.
    if (response.headersSent || gone.signal.aborted) response.destroy();
    else
      refuse(
        response,
        error instanceof ChatProblem ? error : new ChatProblem(500, null, `The offline model failed: ${(error as Error).message}`),
      );
  }
}

async function route(desk: Desk, request: IncomingMessage, response: ServerResponse, gone: AbortSignal): Promise<void> {
  const path = (request.url ?? '/').replace(/\?.*$/, '');
  const wanted = path === '/v1/chat/completions' ? 'POST' : path === '/v1/models' || path === `/v1/models/${MODEL}` ? 'GET' : undefined;
  if (wanted === undefined)
    throw new ChatProblem(404, 'unknown_url', `There is nothing at ${path}: the offline model has /v1/chat/completions and /v1/models.`);
  if (request.method !== wanted) {
    response.setHeader('allow', wanted);
    throw new ChatProblem(405, 'method_not_allowed', `${path} takes ${wanted}, not ${request.method}.`);
  }
  if (wanted === 'GET') {
    const model = { id: MODEL, object: 'model', created: 0, owned_by: 'reel' };
    return send(response, 200, path === '/v1/models' ? { object: 'list', data: [model] } : model);
  }
  await answer(desk, readRequest(await bodyOf(request, response)), response, gone);
}

async function bodyOf(request: IncomingMessage, response: ServerResponse): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes <= BODY_BYTES) pieces.push(piece);
    else {
      // What is left is let go by unread, so that the client is not cut off before it can read why.
      request.resume();
      response.setHeader('connection', 'close');
      throw new ChatProblem(400, 'too_large', `messages: the body may have ${BODY_BYTES} bytes, and has more`, 'messages');
    }
  }
  return Buffer.concat(pieces).toString('utf8');
}

async function answer(desk: Desk, chat: ChatRequest, response: ServerResponse, gone: AbortSignal): Promise<void> {
  const content = contentDigestOf(chat);
  const what = askedOf(chat);
  const asked: Asked = { ...what, attempt: desk.attemptAt(content) };
  const found = await findReply(desk.scenarios, asked);
  if ('nearest' in found) throw new ChatProblem(404, 'unscripted', unscripted(asked, desk.sources, found.nearest));
  const { reply, scenario } = found;
  response.setHeader('x-reel-scripted', scenario.name);
  await desk.pause(reply.delayMs, gone);
  if (gone.aborted) return;
  if (reply.fail !== undefined && asked.attempt < (reply.fail.times ?? Number.POSITIVE_INFINITY)) {
    const { status, retryAfterMs } = reply.fail;
    if (retryAfterMs !== undefined) {
      response.setHeader('retry-after', Math.ceil(retryAfterMs / 1000));
      response.setHeader('retry-after-ms', retryAfterMs);
    }
    throw scriptedFailure(status);
  }
  const text = reply.refusal === undefined ? await textOf(found, asked, wantsJson(chat)) : undefined;
  const completion: Completion = {
    id: `chatcmpl-${content.slice('sha256:'.length, 31)}-${asked.attempt}`,
    created: Math.floor(Date.now() / 1000),
    content: text,
    refusal: reply.refusal,
    finishReason: reply.finishReason,
    usage: usageOf(chat, text ?? reply.refusal ?? ''),
  };
  if (chat.stream !== true) return send(response, 200, wholeOf(completion));
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
  for (const [index, piece] of piecesOf(completion, chat.stream_options?.include_usage === true).entries()) {
    if (index > 0) await desk.pause(reply.chunkMs, gone);
    if (gone.aborted) return;
    response.write(`data: ${JSON.stringify(piece)}\n\n`);
  }
  response.end('data: [DONE]\n\n');
}

/** A reply that cannot be computed covers the request no better than none. @throws ChatProblem */
async function textOf({ reply, match, scenario, number }: Fitting, { request, attempt }: Asked, json: boolean): Promise<string> {
  if (reply.raw !== undefined) return reply.raw;
  try {
    const value = await renderTemplate(reply.reply ?? null, { request, match, attempt });
    return typeof value === 'string' && !json ? value : JSON.stringify(value);
  } catch (error) {
    const why = `${scenario.file} reply ${number} covers this request, but what it says cannot be computed: ${(error as Error).message}`;
    throw new ChatProblem(404, 'unscripted', why);
  }
}

function unscripted({ request }: Asked, sources: string, nearest: string | undefined): string {
  const named = ['task', 'goal', 'text'].flatMap((key) => (request[key] === undefined ? [] : [`${key} ${quoted(request[key])}`]));
  const what = named.length === 0 ? '' : ` (${named.join(', ')})`;
  const near = nearest === undefined ? '' : ` The nearest, ${nearest}.`;
  return (
    `no script covers this request${what}. The offline model answers only from scenario files (${sources}).${near} ` +
    'Configure a model with OPENAI_API_KEY (and OPENAI_BASE_URL, REEL_MODEL), or add a script.'
  );
}

function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return `"${text.length > 120 ? `${text.slice(0, 119)}…` : text}"`;
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) }).end(text);
}

const refuse = (response: ServerResponse, problem: ChatProblem): void => send(response, problem.status, problem.body());
