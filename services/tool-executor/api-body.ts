/** The body of a request: how an operation takes it, by its document, and what is sent of a value. Pure. */
import type { Json } from '@reel/contracts/envelope.ts';
import { isJson, mediaOf } from './media.ts';

/** How one field of a form is sent. */
export type FieldWay = {
  readonly contentType?: string | undefined;
  readonly style?: 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject' | undefined;
  readonly explode?: boolean | undefined;
};

export type BodyWay = {
  readonly kind: 'json' | 'form' | 'multipart' | 'text' | 'bytes';
  /** As the document has it. */
  readonly type: string;
  readonly fields: { readonly [name: string]: FieldWay };
};

/** Bytes as an argument: a file of a form, or a whole body. */
export const BYTES = {
  type: 'object',
  required: ['base64'],
  properties: { base64: { type: 'string', contentEncoding: 'base64' }, mediaType: { type: 'string' }, filename: { type: 'string' } },
  additionalProperties: false,
} as const;
export const FILE = { anyOf: [{ type: 'string', description: 'the text of the file' }, BYTES] } as const;
type Bytes = { readonly base64: string; readonly mediaType?: string; readonly filename?: string };

/** In which of the ways there are a body of this media type is sent; undefined when in none. */
export function kindOf(contentType: string): BodyWay['kind'] | undefined {
  const { type } = mediaOf(contentType);
  if (isJson(type) || type === '*/*' || type === 'application/*') return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type === 'multipart/form-data') return 'multipart';
  if (type.startsWith('multipart/')) return undefined;
  if (/^text\/|[/+](xml|yaml|x-yaml|x-ndjson)$/.test(type)) return 'text';
  return 'bytes';
}

export type Body = { readonly body: string | Uint8Array | FormData; readonly type?: string };

/** @param wrong makes what is thrown when a value cannot be sent: about a field, and why. */
export function bodyFor({ kind, type, fields }: BodyWay, value: Json, wrong: (field: string, what: string) => Error): Body {
  if (kind === 'json') return { body: JSON.stringify(value), type: type.includes('*') ? 'application/json' : type };
  if (kind === 'text') return { body: textOf(value), type };
  if (kind === 'bytes') {
    const bytes = bytesIn(value);
    if (bytes === undefined) throw wrong('body', 'has to be { base64: … }, or a text');
    return {
      body: bytes,
      type: typeof value === 'object' && (value as Bytes).mediaType !== undefined ? (value as { mediaType: string }).mediaType : type,
    };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('body', 'has to be an object: it is sent as a form');
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  if (kind === 'form') {
    const pairs = entries.flatMap(([name, one]) => formPairs(name, one, fields[name] ?? {}));
    return { body: pairs.map(([name, one]) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`).join('&'), type };
  }
  const form = new FormData();
  for (const [name, one] of entries)
    for (const part of Array.isArray(one) ? one : [one]) append(form, name, part, fields[name] ?? {}, wrong);
  return { body: form };
}

const BETWEEN = { spaceDelimited: ' ', pipeDelimited: '|', form: ',', deepObject: ',' };

/** The pairs of one field. Lists are repeated, and objects are JSON, unless the document says otherwise. */
function formPairs(name: string, value: Json, { style, explode }: FieldWay): [name: string, value: string][] {
  if (Array.isArray(value)) {
    if (style === 'deepObject') return nested(name, value);
    if (explode ?? (style === undefined || style === 'form')) return value.map((one) => [name, textOf(one)]);
    return [[name, value.map(textOf).join(BETWEEN[style ?? 'form'])]];
  }
  if (typeof value !== 'object' || value === null) return [[name, textOf(value)]];
  if (style === 'deepObject') return nested(name, value);
  if (style === undefined) return [[name, JSON.stringify(value)]];
  const entries = Object.entries(value);
  return (explode ?? true)
    ? entries.map(([key, one]) => [key, textOf(one)])
    : [[name, entries.flatMap(([key, one]) => [key, textOf(one)]).join(BETWEEN[style])]];
}

/** `a[b][c]=1`, and of lists `a[0]=1`, as those who invented it have it. */
function nested(name: string, value: Json): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[name, textOf(value)]];
  return Object.entries(value).flatMap(([key, one]) => nested(`${name}[${key}]`, one));
}

function append(form: FormData, name: string, value: Json, { contentType }: FieldWay, wrong: (field: string, what: string) => Error): void {
  const first = contentType?.split(',')[0]?.trim();
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && typeof value['base64'] === 'string') {
    const bytes = bytesIn(value);
    if (bytes === undefined) throw wrong(`body/${name}`, 'is not base64');
    const { mediaType, filename } = value as Bytes;
    form.append(name, new Blob([bytes], { type: mediaType ?? first ?? 'application/octet-stream' }), filename ?? name);
  } else if (typeof value === 'object' && value !== null) {
    form.append(name, new Blob([JSON.stringify(value)], { type: first ?? 'application/json' }));
  } else if (first !== undefined && !/^text\/plain\b/i.test(first)) form.append(name, new Blob([textOf(value)], { type: first }), name);
  else form.append(name, textOf(value));
}

function bytesIn(value: Json): Uint8Array<ArrayBuffer> | undefined {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  const { base64 } = (value ?? {}) as Partial<Bytes>;
  if (typeof base64 !== 'string') return undefined;
  const bytes = Buffer.from(base64, 'base64');
  // What is no base64 would be left out in silence.
  const same = bytes.toString('base64').replace(/=+$/, '') === base64.replaceAll('-', '+').replaceAll('_', '/').replaceAll(/[=\s]/g, '');
  return same ? new Uint8Array(bytes) : undefined;
}

const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));
