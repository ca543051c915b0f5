/** Checks of a request before its operation: its host, its origin, its content type, and the types that it accepts. Pure. */
import { parseAccept } from 'hono/utils/accept';
import { BODY_BYTES, tooLarge } from './body.ts';
import { HttpProblem } from './problems.ts';

/** A request before its body is read. */
export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly header: (name: string) => string | undefined;
};

const OURS = ['127.0.0.1', 'localhost', '[::1]'];
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** @param names the host names of this gateway, besides those of this machine. @throws HttpProblem */
export function checkAsked(asked: Asked, names: readonly string[]): void {
  checkHost(asked, names);
  if (!SAFE.has(asked.method)) checkSite(asked);
  checkAccept(asked);
}

/** A page elsewhere can make a browser reach this address under a name of its own (DNS rebinding), but not under one of ours. */
function checkHost({ header }: Asked, names: readonly string[]): void {
  const host = (header('host') ?? '').replace(/:\d+$/, '').toLowerCase();
  if ([...OURS, ...names].includes(host)) return;
  throw new HttpProblem(
    421,
    'wrong-host',
    'Wrong host',
    `Host is "${host}": only ${['127.0.0.1', 'localhost', ...names].join(', ')} are served; add other names with REEL_HOSTNAMES`,
    [{ path: 'header.Host', message: 'has to be one of the names of this gateway' }],
  );
}

/**
 * A browser sends a simple request for any page, without a preflight, but names its origin. Another port of the same host is another site. Programs send neither header.
 */
function checkSite({ header }: Asked): void {
  const site = header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw foreign('Sec-Fetch-Site', site);
  const origin = header('origin');
  if (origin !== undefined && !isOwn(origin, header('host') ?? '')) throw foreign('Origin', origin);
}

/** The scheme may differ: a proxy in between may end TLS. */
function isOwn(origin: string, host: string): boolean {
  const { protocol, host: from } = URL.parse(origin) ?? {};
  return (protocol === 'http:' || protocol === 'https:') && from === URL.parse(`${protocol}//${host}`)?.host;
}

const foreign = (name: string, value: string): HttpProblem =>
  new HttpProblem(
    403,
    'cross-site',
    'Requests from pages of other sites are refused',
    `${name} is "${value}": only pages of this gateway, and programs, may send requests that change state`,
    [{ path: `header.${name}`, value, message: 'names another site' }],
  );

/** True when the caller accepts server-sent events. */
export const takesEvents = (accept: string | undefined): boolean =>
  accepted(accept).some(({ type, q }) => q > 0 && type.toLowerCase() === 'text/event-stream');

const accepted = (accept: string | undefined): { type: string; q: number }[] => (accept === undefined ? [] : parseAccept(accept));

/** Every response is JSON; the events of a run are available as a stream too. */
function checkAccept({ path, header }: Asked): void {
  const accept = header('accept');
  const wanted = accepted(accept);
  const offered = ['application/json', 'application/problem+json', ...(path.endsWith('/events') ? ['text/event-stream'] : [])];
  const fits = ({ type, q }: { type: string; q: number }): boolean =>
    q > 0 && offered.some((one) => ['*/*', one, `${one.split('/')[0]}/*`].includes(type.toLowerCase()));
  if (wanted.length === 0 || wanted.some(fits)) return;
  const message = `has to allow ${path.endsWith('/events') ? 'application/json or text/event-stream' : 'application/json'}`;
  throw new HttpProblem(406, 'not-acceptable', 'No acceptable format', `Accept is "${accept}" and ${message}`, [
    { path: 'header.Accept', message },
  ]);
}

/** Checks the headers of a body before it is read. @throws HttpProblem */
export function checkBodyHeaders({ header }: Asked): void {
  const bytes = Number(header('content-length') ?? 0);
  if (bytes > BODY_BYTES) throw tooLarge(bytes);
  const coding = header('content-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') throw unsupported('Content-Encoding', coding, 'has to be left out');
  const type = header('content-type');
  const comes = bytes > 0 || header('transfer-encoding') !== undefined;
  if (type === undefined && !comes) return;
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?\s*$/i.test(type ?? ''))
    throw unsupported('Content-Type', type ?? '', 'has to be application/json, in UTF-8');
}

const unsupported = (name: string, value: string, message: string): HttpProblem =>
  new HttpProblem(415, 'unsupported-media-type', 'The body has to be JSON', `${name} is "${value}" and ${message}`, [
    { path: `header.${name}`, value, message },
  ]);
