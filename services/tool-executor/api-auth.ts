/** How a request to an API shows who asks: by the security schemes of its document, with the credentials that the configuration has. Pure. */
import type { ApiOperation, Scheme } from './openapi.ts';

/** What goes with a request. */
export type Auth = { readonly headers: Readonly<Record<string, string>>; readonly query: Readonly<Record<string, string>> };
type Credentials = Readonly<Record<string, string>>;

const UNSPEAKABLE = 'is of a type for which there is no credential to send';

/**
 * The first set of schemes for which there are credentials. An operation that anybody may call is called with them where it takes them.
 * @returns in words, when there is none, what is missing.
 */
export function authFor(
  { security }: Pick<ApiOperation, 'security'>,
  schemes: ReadonlyMap<string, Scheme>,
  given: Credentials,
): Auth | string {
  const lacks: string[] = [];
  for (const set of security.filter(({ length }) => length > 0)) {
    const lacking = set.flatMap((name) => missing(name, schemes.get(name), given) ?? []);
    if (lacking.length === 0) return together(set.map((name) => authOf(schemes.get(name) as Scheme, given[name] as string)));
    lacks.push(lacking.join(' and '));
  }
  const open = security.length === 0 || security.some(({ length }) => length === 0);
  return open ? { headers: {}, query: {} } : lacks.join(', or ');
}

function missing(name: string, scheme: Scheme | undefined, given: Credentials): string | undefined {
  if (scheme === undefined) return `the document does not say what the security scheme "${name}" is`;
  const spoken = scheme.type !== 'mutualTLS' && (scheme.type !== 'http' || /^(bearer|basic)$/i.test(scheme.scheme));
  if (!spoken) return `the security scheme "${name}" ${UNSPEAKABLE}`;
  return given[name] === undefined ? `credentials.${name} is missing` : undefined;
}

function authOf(scheme: Scheme, secret: string): Auth {
  if (scheme.type === 'apiKey') {
    if (scheme.in === 'query') return { headers: {}, query: { [scheme.name]: secret } };
    return { headers: scheme.in === 'header' ? { [scheme.name]: secret } : { cookie: `${scheme.name}=${secret}` }, query: {} };
  }
  const basic = scheme.type === 'http' && scheme.scheme.toLowerCase() === 'basic';
  // A token of OAuth or OpenID Connect is got by whoever runs the executor, and sent like any other.
  return { headers: { authorization: basic ? `Basic ${Buffer.from(secret).toString('base64')}` : `Bearer ${secret}` }, query: {} };
}

const together = (auths: readonly Auth[]): Auth => ({
  headers: Object.assign({}, ...auths.map(({ headers }) => headers)) as Record<string, string>,
  query: Object.assign({}, ...auths.map(({ query }) => query)) as Record<string, string>,
});
