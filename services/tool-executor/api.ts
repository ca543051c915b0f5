/** Plain HTTP APIs: makes tools of the operations of an OpenAPI document, and calls them. */
import { metered, tooMuchIn, upTo } from '@reel/bus/process/bounded-read.ts';
import { placeOf } from '@reel/bus/runtime/secrets.ts';
import type { Logger } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { explain, fits, tooLarge } from './answer.ts';
import { type ApiAnswer, type Asked, isServerTrouble, resultOf, troubleWith } from './api-answer.ts';
import { type Auth, authFor } from './api-auth.ts';
import { type ApiRequest, requestOf } from './api-call.ts';
import { type Reading, readDocument, Unreadable } from './api-document.ts';
import type { Called, Offer, Refusal, Stock } from './catalog.ts';
import type { Trouble } from './circuit-breaker.ts';
import { type Api, ConfigError } from './config.ts';
import { ofOperation } from './definition.ts';
import { once } from './once.ts';
import { type ApiOperation, readOpenApi } from './openapi.ts';
import { DocumentError } from './openapi-schema.ts';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 60_000;
const MOST_HOPS = 5;
const READ_AGAIN_MS = 10_000;

export type KeptApi = {
  /** Resolves when the document was tried once. */
  readonly tried: Promise<void>;
  close(): Promise<void>;
};

type Put = (stock: Stock) => unknown;

/** What an API offers whose document is a file. @throws ConfigError when it cannot be used: nobody but its author can mend it. */
export async function readApi(name: string, api: Api, put: Put, log: Logger): Promise<void> {
  const { signal } = new AbortController();
  try {
    follow(name, api, await readDocument(api.document, signal), { put, log, stop: signal });
  } catch (error) {
    throw new ConfigError(`apis.${name}.document: ${api.document}: ${explain(error)}`);
  }
}

/** Reads the document of an API from its URL until it can be used, and tells what it offers. */
export function keepApi(name: string, api: Api, put: Put, log: Logger): KeptApi {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let waitMs = FIRST_WAIT_MS;
  async function open(): Promise<void> {
    try {
      const offers: Put = (made) => (stop.signal.aborted ? undefined : put(made));
      follow(name, api, await readDocument(api.document, stop.signal), { put: offers, log, stop: stop.signal });
    } catch (error) {
      if (stop.signal.aborted) return;
      log.error(
        { api: name, document: placeOf(api.document), why: explain(error), againInMs: waitMs },
        `The API "${name}" cannot be used, so its operations are not offered: check its document.`,
      );
      timer = setTimeout(() => {
        reading = open();
      }, waitMs).unref();
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  }
  let reading = open();
  return {
    tried: reading,
    async close() {
      stop.abort(new Error('the tool-executor stops'));
      clearTimeout(timer);
      await reading;
    },
  };
}

/**
 * Tells what an API offers by its document, and has every call look whether that still says so: at once where the call has an effect, and
 * after a while where it only reads. A document that cannot be read at the moment is taken to say what it said: what is called is the
 * operation that was approved, whatever has become of its description.
 */
function follow(name: string, api: Api, first: Reading, { put, log, stop }: { put: Put; log: Logger; stop: AbortSignal }): void {
  let reading = first;
  let lookedMs = Date.now();
  const offered = ({ document }: Reading): Stock => {
    const { offers, refused } = stockOf(name, api, document, log);
    const looked = (offer: Offer): Offer => ({ ...offer, look: offer.definition.effect === 'read-only' ? lookNowAndThen : look });
    return { offers: offers.map(looked), refused, look };
  };
  const look = once(async () => {
    try {
      lookedMs = Date.now();
      if (!(await reading.hasChanged(stop))) return;
      const now = await readDocument(api.document, stop);
      put(offered(now));
      reading = now;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      log.warn(
        { api: name, why: explain(error) },
        `The document of the API "${name}" cannot be read again: it is called as it was described.`,
      );
    }
  });
  const lookNowAndThen = (): Promise<void> => (Date.now() - lookedMs < READ_AGAIN_MS ? Promise.resolve() : look());
  put(offered(first));
}

/** @throws DocumentError when the document is none, or lacks what the configuration says of it. */
function stockOf(name: string, api: Api, document: unknown, log: Logger): Stock {
  const { operations, refused, schemes, title } = readOpenApi(document, api.idempotencyHeader);
  const among = (all: Iterable<string>): string => [...all].join(', ') || 'none';
  const strange = api.operations?.find((one) => ![...operations, ...refused].some((there) => isCalled(one, there)));
  if (strange !== undefined) {
    const known = among(operations.map((one) => one.name));
    throw new DocumentError(`apis.${name}.operations: "${strange}" is no operation of ${title}; expected some of ${known}`);
  }
  const lost = Object.keys(api.credentials).find((scheme) => !schemes.has(scheme));
  if (lost !== undefined) {
    throw new DocumentError(
      `apis.${name}.credentials: "${lost}" is no security scheme of ${title}; expected some of ${among(schemes.keys())}`,
    );
  }
  for (const tool of Object.keys(api.tools).filter((tool) => !operations.some((one) => one.name === tool))) {
    log.warn({ api: name, tool }, `The configuration says something about the tool "${tool}", which the API "${name}" does not offer.`);
  }
  const isChosen = (there: Named): boolean => api.operations?.some((one) => isCalled(one, there)) ?? true;
  const not: Refusal[] = refused.filter(isChosen).map(({ spot, why }) => ({ tool: spot, why }));
  const offers = operations.filter(isChosen).flatMap((operation): Offer[] => {
    const { spot, server } = operation;
    const refuse = (why: string): [] => {
      not.push({ tool: spot, why });
      return [];
    };
    const auth = authFor(operation, schemes, api.credentials);
    if (typeof auth === 'string') return refuse(auth);
    const base = baseOf(api, operation);
    if (base === undefined) return refuse(`its server "${server}" is no http or https URL: say the API's baseUrl`);
    try {
      return [{ definition: ofOperation(name, operation, api), call: callerOf(name, operation, { api, auth, base, log }) }];
    } catch (error) {
      return refuse((error as Error).message);
    }
  });
  return { offers, refused: not };
}

type Named = { readonly spot: string; readonly name?: string };
const isCalled = (said: string, { spot, name }: Named): boolean => said === name || said === spot;

function baseOf({ baseUrl, document }: Api, { server }: ApiOperation): string | undefined {
  if (baseUrl !== undefined) return baseUrl;
  const url = URL.canParse(server) ? server : URL.canParse(server, document) ? new URL(server, document).href : undefined;
  return url !== undefined && /^https?:/.test(url) ? url : undefined;
}

type Way = { readonly api: Api; readonly auth: Auth; readonly base: string; readonly log: Logger };

function callerOf(name: string, operation: ApiOperation, { api, auth, base, log }: Way): Offer['call'] {
  return async (args, { signal, key, traceparent, effect, trouble }: Called): Promise<Json> => {
    const asked: Asked = { tool: operation.name, api: name, effect };
    const request = requestOf(operation, args, { base, auth, idempotencyHeader: api.idempotencyHeader, key, traceparent });
    try {
      const answer = await answerTo(request, { ...asked, answerBytes: api.limits.answerBytes }, signal, trouble);
      if (isServerTrouble(answer)) trouble();
      if (answer.status >= 300)
        log.info({ api: name, operation: operation.spot, status: answer.status, key }, 'an API did not do what it was asked');
      const result = resultOf(answer, asked, Date.now(), (value) => fits(operation.output, value));
      return operation.method === 'head' ? null : result;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error;
    }
  };
}

type Limited = Asked & { readonly answerBytes: number };

async function answerTo(request: ApiRequest, asked: Limited, signal: AbortSignal, trouble: Trouble): Promise<ApiAnswer> {
  let { url } = request;
  for (let hops = 0; ; hops += 1) {
    const { method, headers, body } = request;
    const response = await fetch(url, { method, headers, signal, redirect: 'manual', ...(body === undefined ? {} : { body }) }).catch(
      (error: unknown) => {
        trouble();
        throw troubleWith(error, asked);
      },
    );
    const next = hops < MOST_HOPS && method === 'GET' ? elsewhere(response, url) : undefined;
    if (next === undefined) return { status: response.status, headers: response.headers, bytes: await bytesOf(response, asked, trouble) };
    await response.body?.cancel();
    url = next;
  }
}

/** Where a redirect leads. Only within the same origin: nobody else is to see the credentials. */
function elsewhere({ status, headers }: Response, from: string): string | undefined {
  const location = headers.get('location');
  if (![301, 302, 303, 307, 308].includes(status) || location === null || !URL.canParse(location, from)) return undefined;
  const to = new URL(location, from);
  return to.origin === new URL(from).origin ? to.href : undefined;
}

async function bytesOf(response: Response, asked: Limited, trouble: Trouble): Promise<Uint8Array> {
  const { tool, api, effect, answerBytes } = asked;
  try {
    return new Uint8Array(await metered(response, upTo(answerBytes, `the answer of the API "${api}"`)).arrayBuffer());
  } catch (error) {
    // How it ended is known by the status; what else it would have said of a failure is not needed.
    const much = tooMuchIn(error);
    if (much === undefined) trouble();
    if (!response.ok) return new Uint8Array();
    throw much === undefined ? troubleWith(error, asked) : tooLarge(`${tool}: ${much.message}`, `apis.${api}`, effect);
  }
}
