/** The HTTP request that an operation of an API and its arguments come to. Pure. */
import { Failure } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { digitsAgain } from '@reel/contracts/exact-json.ts';
import type { Auth } from './api-auth.ts';
import { type Written, written } from './form.ts';
import type { ApiOperation, ApiParameter } from './openapi.ts';

export type ApiRequest = {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body?: Written['bytes'] | undefined;
};

/** What goes with the arguments. `base` is an absolute URL. */
export type With = {
  readonly base: string;
  readonly auth: Auth;
  readonly idempotencyHeader: string;
  readonly key: string;
  readonly traceparent?: string | undefined;
};

type Arguments = { readonly [name: string]: Json };

/** @throws Failure when the arguments cannot be said in a request. */
export function requestOf(operation: ApiOperation, sent: Arguments, given: With): ApiRequest {
  const args = digitsAgain(sent) as Arguments;
  const { name, method, effect } = operation;
  const url = new URL(given.base);
  url.pathname = url.pathname.replace(/(?<!\/)\/+$/, '') + pathOf(operation, args);
  const query = operation.parameters.flatMap((one) => (one.in === 'query' ? queryOf(one, args[one.argument]) : []));
  // After what the caller says, so that it is not theirs to replace.
  for (const [key, value] of Object.entries(given.auth.query)) query.push([key, encodeURIComponent(value)]);
  url.search = query.map(([key, value]) => `${encodeURIComponent(key)}=${value}`).join('&');
  const headers = new Headers({ accept: 'application/json, */*;q=0.5' });
  for (const one of operation.parameters) {
    const value = one.in === 'header' ? args[one.argument] : undefined;
    if (value === undefined || value === null) continue;
    try {
      headers.set(one.name, one.style === 'json' ? JSON.stringify(value) : simple(value, one.explode, String));
    } catch {
      throw wrong(name, one.argument, 'is not something that a header can say');
    }
  }
  const body = operation.body === undefined || sent['body'] === undefined ? undefined : written(operation.body, sent['body'], name);
  if (body !== undefined) headers.set('content-type', body.type);
  if (given.traceparent !== undefined) headers.set('traceparent', given.traceparent);
  if (effect !== 'read-only') headers.set(given.idempotencyHeader, given.key);
  for (const [key, value] of Object.entries(given.auth.headers)) headers.set(key, value);
  return { url: url.href, method: method.toUpperCase(), headers, body: body?.bytes };
}

function pathOf({ name, path, parameters }: ApiOperation, args: Arguments): string {
  const inPath = new Map(parameters.flatMap((one) => (one.in === 'path' ? [[one.name, one] as const] : [])));
  const segments = path.split('/').map((segment) => {
    const filled = segment.replaceAll(/\{([^}]*)\}/g, (all, key: string) => {
      const one = inPath.get(key);
      const value = one === undefined ? undefined : args[one.argument];
      if (one === undefined || value === undefined || value === null || value === '') {
        throw wrong(name, one?.argument ?? all, 'must not be empty: it is a part of the path');
      }
      return one.style === 'json' ? encodeURIComponent(JSON.stringify(value)) : simple(value, one.explode, encodeURIComponent);
    });
    // Such a segment would lead to another operation than the one that was approved.
    if (filled !== segment && /^\.{1,2}$/.test(filled)) throw wrong(name, segment, `must not be ${JSON.stringify(filled)}`);
    return filled;
  });
  return segments.join('/');
}

/** Style `simple`: `a,b`; of an object `k,v`, or `k=v` exploded. */
function simple(value: Json, explode: boolean, encode: (text: string) => string): string {
  if (Array.isArray(value)) return value.map((one) => encode(text(one))).join(',');
  if (typeof value !== 'object' || value === null) return encode(text(value));
  return Object.entries(value)
    .map(([key, one]) => `${encode(key)}${explode ? '=' : ','}${encode(text(one))}`)
    .join(',');
}

const BETWEEN = { spaceDelimited: '%20', pipeDelimited: '%7C', form: ',', simple: ',', deepObject: ',', json: ',' };

/** The pairs that a parameter adds to the query; the values are encoded. */
function queryOf({ name, style, explode }: ApiParameter, value: Json | undefined): [name: string, value: string][] {
  if (value === undefined || value === null) return [];
  if (style === 'json') return [[name, encodeURIComponent(JSON.stringify(value))]];
  const encoded = (one: Json): string => encodeURIComponent(text(one));
  if (Array.isArray(value)) {
    if (explode || style === 'deepObject') return value.map((one) => [name, encoded(one)]);
    return [[name, value.map(encoded).join(BETWEEN[style])]];
  }
  if (typeof value !== 'object') return [[name, encoded(value)]];
  const entries = Object.entries(value);
  if (style === 'deepObject') return entries.map(([key, one]) => [`${name}[${key}]`, encoded(one)]);
  if (explode) return entries.map(([key, one]) => [key, encoded(one)]);
  return [[name, entries.flatMap(([key, one]) => [encodeURIComponent(key), encoded(one)]).join(BETWEEN[style])]];
}

const text = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

const wrong = (tool: string, argument: string, what: string): Failure =>
  new Failure({ code: 'invalid-arguments', message: `${tool}: /${argument}: ${what}`, retryable: false });
