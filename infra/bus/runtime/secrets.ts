/**
 * The secrets of this process, and how they are removed from what leaves it. A configuration names variables (`${TOKEN}`), and the values
 * that are filled in are remembered here. A value may come back from outside in any answer, in an encoding of its own.
 */
const INSTEAD = '(secret)';
/** A shorter value, or a plain word, stands in ordinary text as well, and would be cut out of it. */
const SHORTEST = 6;
const SHORTEST_WORD = 12;
/** A piece of a path is taken for a secret, as in the address of a webhook, from this length on and with a digit in it. */
const SHORTEST_SEGMENT = 16;
/** Variables of these names say where and how something runs. Their values are no secrets. */
const NO_SECRET = /(^|_)(HOME|PATH|PWD|SHELL|TERM|TZ|LANG|LC_[A-Z]+|LOCALE|REGION|ZONE|HOST|HOSTNAME|PORT|ENV|LEVEL|MODEL|VERSION)$/i;
/** A field of such a name holds a secret, even where its value is written out. */
const SECRET_FIELD = /auth|cookie|token|key|secret|pass|credential/i;
/** What is held back of a text that may go on as a secret. */
const MOST_HELD = 4096;

const known = new Set<string>();
const weak = new Set<string>();
/** The forms of every secret, longest first: as they stand in a text, and as they stand in a text of JSON. */
let forms: readonly string[] = [];
let inJson: readonly string[] = [];

type Keep = (value: string, name: string) => void;
/** A module may bring a copy of this file along, with its own `@reel/sdk`. A secret that one copy is given, every copy removes. */
const copies = ((globalThis as { [key: symbol]: unknown })[Symbol.for('reel.keepSecret')] ??= []) as Keep[];
copies.push(keep);

/** Remembers a secret. @param name of the variable or field that has it, for the warning when it cannot be removed. */
export function keepSecret(value: string, name: string): void {
  for (const one of copies) one(value, name);
}

function keep(value: string, name: string): void {
  const parts = partsOf(value);
  const strong = parts.filter(isStrong);
  if (strong.length < parts.length) weak.add(name);
  const fresh = strong.filter((part) => !known.has(part));
  if (fresh.length === 0) return;
  for (const part of fresh) known.add(part);
  const longestFirst = (all: readonly string[]): string[] => [...new Set(all)].sort((a, b) => b.length - a.length);
  forms = longestFirst([...known].flatMap(formsOf));
  inJson = longestFirst(forms.map(escaped));
}

/** Remembers a value that is written out in a field whose name says that it is a secret. */
export function keepIfSecret(field: string, value: string): void {
  // `Bearer abc`: the scheme is none.
  if (SECRET_FIELD.test(field)) keepSecret(value.slice(value.lastIndexOf(' ') + 1), field);
}

/** Remembers what grants access in an address that is written out: its user and password, and what its query names as a secret. */
export function keepFromAddress(address: string, field: string): void {
  if (!URL.canParse(address)) return;
  const { username, password, searchParams } = new URL(address);
  const secret = decoded(password === '' ? username : password);
  if (secret !== '') keepSecret(secret, field);
  for (const [name, value] of searchParams) keepIfSecret(name, value);
}

/** An address without its credentials: for the log, for secrets of any length. */
export function placeOf(address: string): string {
  const { origin, pathname } = new URL(address);
  return withoutSecrets(`${origin}${pathname}`);
}

/**
 * Fills `${NAME}` in a text of a configuration from the environment, and remembers what is filled in as a secret.
 * @param missing complains, for the field that the text stands in.
 */
export function filled(text: string, env: NodeJS.ProcessEnv, missing: (what: string) => never): string {
  return text.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const value = env[name];
    if (!value) return missing(`expected the environment variable ${name} to be set, ${value === undefined ? 'is not' : 'is empty'}`);
    if (!NO_SECRET.test(name)) keepSecret(value, name);
    return value;
  });
}

/** Says once which secrets are too short, or too plain, to be removed from what this process says. */
export function tellWeakSecrets(log: { warn(fields: object, message: string): void }): void {
  for (const name of weak) {
    log.warn(
      { name },
      `The value of ${name} is not removed from what is said: it is too short or a plain word. If it is a secret, take one of at least ` +
        `${SHORTEST} characters that has more than letters.`,
    );
  }
  weak.clear();
}

/** The same text with `(secret)` in the place of every secret of this process. */
export const withoutSecrets = (text: string): string => replaced(text, forms);

/** The same for a text of JSON. It stays valid. */
export const withoutSecretsInJson = (text: string): string => replaced(text, inJson);

/** The beginning of a text, without secrets: half of one, at the end, would not be known for what it is. */
export function excerpt(text: string, most: number): string {
  const plain = withoutSecrets(text);
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain;
}

/** The same value with `(secret)` in the place of every secret, in its texts and in its keys. */
export function cleaned<Value>(value: Value): Value {
  if (forms.length === 0) return value;
  const text = JSON.stringify(value) as string | undefined;
  return text !== undefined && inJson.some((form) => text.includes(form)) ? (cleanedWithin(value) as Value) : value;
}

/** Removes secrets from a text that comes in pieces, where one may begin in a piece and end in another. `rest` is what is held back. */
export function veil(): { more(piece: string): string; rest(): string } {
  let held = '';
  return {
    more(piece) {
      if (forms.length === 0) return piece;
      const text = withoutSecrets(held + piece);
      const begin = beginOfSecret(text);
      held = text.slice(begin);
      return text.slice(0, begin);
    },
    rest: () => (held.length >= SHORTEST ? INSTEAD : held),
  };
}

/** Where the end of a text begins that may go on as a secret. */
function beginOfSecret(text: string): number {
  const longest = Math.min(text.length, MOST_HELD, (forms[0]?.length ?? 1) - 1);
  for (let begin = text.length - longest; begin < text.length; begin += 1) {
    const end = text.slice(begin);
    if (forms.some((form) => form.startsWith(end))) return begin;
  }
  return text.length;
}

const replaced = (text: string, all: readonly string[]): string =>
  all.reduce((left, form) => (left.includes(form) ? left.replaceAll(form, INSTEAD) : left), text);

function cleanedWithin(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (typeof value === 'number') return known.has(String(value)) ? INSTEAD : value;
  if (Array.isArray(value)) return value.map(cleanedWithin);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [withoutSecrets(key), cleanedWithin(one)]));
}

/** What of a value is secret: all of it, or of an address what grants access. Where something is, may be said. */
function partsOf(value: string): string[] {
  const trimmed = value.trim();
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) || !URL.canParse(trimmed)) return trimmed === '' ? [] : [trimmed];
  const { username, password, pathname, searchParams, hash } = new URL(trimmed);
  const segments = pathname.split('/').filter((segment) => segment.length >= SHORTEST_SEGMENT && /\d/.test(segment));
  // A user is no secret beside a password; alone it is a token.
  const user = password === '' ? username : '';
  return [user, password, ...segments, hash.slice(1)]
    .filter(Boolean)
    .map(decoded)
    .concat([...searchParams.values()].filter(Boolean));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isStrong(text: string): boolean {
  const kinds = [/[A-Za-z]/, /\d/, /[^A-Za-z\d]/].filter((kind) => kind.test(text)).length;
  return text.length >= (kinds > 1 ? SHORTEST : SHORTEST_WORD);
}

const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

/** A secret as it may come back: as it is, or as it stands in JSON, a URL, a form, HTML, base64 or hexadecimal digits. */
function formsOf(secret: string): string[] {
  const whole = secret.toWellFormed();
  const inUrls = [
    encodeURIComponent(whole),
    encodeURIComponent(whole).replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    encodeURI(whole),
    new URLSearchParams([['', whole]]).toString().slice(1),
    whole,
  ].flatMap((text) => [text, text.toLowerCase(), text.toUpperCase(), ...[lower, upper].map((as) => text.replaceAll(/%[0-9a-f]{2}/gi, as))]);
  const bytes = Buffer.from(whole);
  const html = HTML.reduce((text, [letter, instead]) => text.replaceAll(letter, instead), whole);
  const hexadecimal = bytes.toString('hex');
  return [secret, escaped(secret), escaped(escaped(secret)), html, hexadecimal, hexadecimal.toUpperCase(), ...inUrls, ...inBase64(bytes)];
}

const lower = (text: string): string => text.toLowerCase();
const upper = (text: string): string => text.toUpperCase();
const HTML = [
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&#39;'],
] as const;

/** In base64, alone and in the middle of something longer, which shifts it by one byte or two. */
function inBase64(bytes: Buffer): string[] {
  const cores = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    // The characters at both ends are shared with what stands beside it.
    return text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
  });
  return [bytes.toString('base64'), ...cores].flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]);
}
