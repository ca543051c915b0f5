/** What a request has to be before it reaches its operation: meant for this host, from no page of another site, JSON, and answerable. Pure. */
import { parseAccept } from 'hono/utils/accept';
import { BODY_BYTES, tooLarge } from './body.ts';
import { HttpProblem } from './problems.ts';

/** A request by what is known of it before its body is read. */
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
    'This is not the host that was meant',
    `Host is "${host}": until authentication comes, only ${['127.0.0.1', 'localhost', ...names].join(', ')} are served; REEL_HOSTNAMES names others`,
    [{ path: 'header.Host', message: 'has to be one of the names of this gateway' }],
  );
}

/**
 * A browser sends a simple request for any page, without asking first; it says from where. Another port of the same host is another site:
 * what is served there is not ours. Programs send neither header.
 */
function checkSite({ header }: Asked): void {
  const site = header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw foreign('Sec-Fetch-Site', site);
  const origin = header('origin');
  if (origin !== undefined && !isOwn(origin, header('host') ?? '')) throw foreign('Origin', origin);
}

/** The scheme may be that of a proxy in between, which ends TLS. */
function isOwn(origin: string, host: string): boolean {
  const { protocol, host: from } = URL.parse(origin) ?? {};
  return (protocol === 'http:' || protocol === 'https:') && from === URL.parse(`${protocol}//${host}`)?.host;
}

const foreign = (name: string, value: string): HttpProblem =>
  new HttpProblem(
    403,
    'cross-site',
    'Pages of other sites may not ask for this',
    `${name} is "${value}": only pages of this gateway, and programs, may change something`,
    [{ path: `header.${name}`, value, message: 'names another site' }],
  );

/** True when server-sent events are among what the caller takes. */
export const takesEvents = (accept: string | undefined): boolean =>
  accepted(accept).some(({ type, q }) => q > 0 && type.toLowerCase() === 'text/event-stream');

const accepted = (accept: string | undefined): { type: string; q: number }[] => (accept === undefined ? [] : parseAccept(accept));

/** Everything here is JSON; the events of a run can be had as a stream too. */
function checkAccept({ path, header }: Asked): void {
  const accept = header('accept');
  const wanted = accepted(accept);
  const offered = ['application/json', 'application/problem+json', ...(path.endsWith('/events') ? ['text/event-stream'] : [])];
  const fits = ({ type, q }: { type: string; q: number }): boolean =>
    q > 0 && offered.some((one) => ['*/*', one, `${one.split('/')[0]}/*`].includes(type.toLowerCase()));
  if (wanted.length === 0 || wanted.some(fits)) return;
  const message = `has to allow ${path.endsWith('/events') ? 'application/json or text/event-stream' : 'application/json'}`;
  throw new HttpProblem(406, 'not-acceptable', 'It cannot be had in this form', `Accept is "${accept}" and ${message}`, [
    { path: 'header.Accept', message },
  ]);
}

/** What the headers say of a body, before any of it is read. @throws HttpProblem */
export function checkBodyHeaders({ header }: Asked): void {
  const bytes = Number(header('content-length') ?? 0);
  if (bytes > BODY_BYTES) throw tooLarge(bytes);
  const coding = header('content-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') throw notUnderstood('Content-Encoding', coding, 'has to be left out');
  const type = header('content-type');
  const comes = bytes > 0 || header('transfer-encoding') !== undefined;
  if (type === undefined && !comes) return;
  if (!/^application\/json\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?\s*$/i.test(type ?? ''))
    throw notUnderstood('Content-Type', type ?? '', 'has to be application/json, in UTF-8');
}

const notUnderstood = (name: string, value: string, message: string): HttpProblem =>
  new HttpProblem(415, 'unsupported-media-type', 'Only JSON is understood', `${name} is "${value}" and ${message}`, [
    { path: `header.${name}`, value, message },
  ]);
