/** Bodies that are not JSON: forms, multipart forms with files, text and bytes. The same arguments make the same bytes. Pure. */
import { hash } from 'node:crypto';
import { Failure } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { digitsAgain } from '@reel/contracts/exact-json.ts';
import { withoutTrailing } from '@reel/contracts/trailing.ts';
import { isTextual, mediaTypeOf } from './media.ts';
import type { ApiBody, FormField } from './openapi-body.ts';

/** `type` is the content type that goes with it. */
export type Written = { readonly type: string; readonly bytes: Uint8Array | string };

type Part = { readonly name: string; readonly value: Uint8Array | string; readonly type?: string | undefined; readonly filename?: string };

/** @throws Failure when the body cannot be said in this form. */
export function written({ form, type, fields }: ApiBody, body: Json, tool: string): Written {
  if (form === 'json') return { type, bytes: JSON.stringify(body) };
  if (form === 'text') return { type: withCharset(type), bytes: plain(bare(body), 'body', tool) };
  if (form === 'bytes') {
    const file = fileOf(body, 'body', tool);
    return { type: type.includes('*') ? (file.type ?? 'application/octet-stream') : type, bytes: file.value };
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw wrong(tool, 'body', 'is to be an object, whose properties are the fields');
  const parts = Object.entries(body).flatMap(([name, value]) => partsOf(name, value, fields.get(name), tool));
  if (form === 'multipart') return multipart(parts);
  const pairs = parts.map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value as string)}`);
  return { type, bytes: pairs.join('&') };
}

/** What one property comes to. A null is left out: a form has none. */
function partsOf(name: string, given: Json, field: FormField | undefined, tool: string): Part[] {
  const where = `body.${name}`;
  const value = bare(given);
  if (!name.isWellFormed()) throw wrong(tool, where, 'has a name that is no text');
  if (value === null) return [];
  const { isFile = isBytes(value), type, style, explode = true } = field ?? {};
  if (isFile && style === undefined) return (Array.isArray(value) ? value : [value]).map((one) => fileIn(name, one, type, tool));
  if (style !== undefined) return styled(name, digitsAgain(value), { style, explode, tool });
  // A list whose type is said is one value of that type.
  if (Array.isArray(value) && type === undefined) return value.map((one) => ({ name, ...byType(bare(one), undefined, where, tool) }));
  return [{ name, ...byType(value, type, where, tool) }];
}

/** A number that no double carries is an object on its way out: as a field of its own it is its digits, and within JSON a number. */
function bare(value: Json): Json {
  const digits = digitsAgain(value);
  return typeof digits === 'string' ? digits : value;
}

/** Of a field that the document does not describe. */
const isBytes = (value: Json): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'base64' in value &&
  Object.keys(value).every((key) => ['base64', 'mediaType', 'filename'].includes(key));

function byType(value: Json, type: string | undefined, where: string, tool: string): Pick<Part, 'value' | 'type'> {
  const said = type?.split(',')[0]?.trim();
  const one = said === undefined || said.includes('*') ? undefined : said;
  if (typeof value === 'object' && value !== null) return { value: JSON.stringify(value), type: one ?? 'application/json' };
  return { value: plain(value, where, tool), type: one };
}

type Style = { readonly style: NonNullable<FormField['style']>; readonly explode: boolean; readonly tool: string };
const BETWEEN = { form: ',', spaceDelimited: ' ', pipeDelimited: '|' };

function styled(name: string, value: Json, { style, explode, tool }: Style): Part[] {
  const where = `body.${name}`;
  const text = (one: Json): string => plain(one, where, tool);
  if (style === 'deepObject') return deep(name, value, where, tool);
  if (typeof value !== 'object' || value === null) return [{ name, value: text(value) }];
  const entries = Object.entries(value);
  if (explode) return entries.map(([key, one]) => ({ name: Array.isArray(value) ? name : key, value: text(one) }));
  const words = Array.isArray(value) ? value.map(text) : entries.flatMap(([key, one]) => [key, text(one)]);
  const split = words.find((one) => one.includes(BETWEEN[style]));
  if (split !== undefined)
    throw wrong(tool, where, `has ${JSON.stringify(split)}, whose ${JSON.stringify(BETWEEN[style])} would be read as the end of it`);
  return [{ name, value: words.join(BETWEEN[style]) }];
}

/** `a[b][0]=c`, however deep. */
function deep(name: string, value: Json, where: string, tool: string): Part[] {
  if (value === null) return [];
  if (typeof value !== 'object') return [{ name, value: plain(value, where, tool) }];
  return Object.entries(value).flatMap(([key, one]) => deep(`${name}[${key}]`, one, `${where}.${key}`, tool));
}

function plain(value: Json, where: string, tool: string): string {
  if (typeof value === 'object') throw wrong(tool, where, `is ${value === null ? 'null' : 'no text'}, which cannot be said here`);
  const text = String(value);
  // What stands for half a character would go out as another one.
  if (!text.isWellFormed()) throw wrong(tool, where, 'is no text: it has half a character (a lone surrogate)');
  return text;
}

function fileIn(name: string, value: Json, type: string | undefined, tool: string): Part {
  const file = fileOf(value, `body.${name}`, tool);
  const usual = type?.split(',')[0]?.trim();
  const said = usual === undefined || usual.includes('*') ? undefined : usual;
  return { name, value: file.value, type: file.type ?? said ?? file.usual, filename: file.filename ?? name };
}

function fileOf(value: Json, where: string, tool: string) {
  const given = typeof value === 'string' ? { text: value } : typeof value === 'object' ? value : null;
  const { base64, text, mediaType, filename } = (given ?? {}) as { readonly [field: string]: Json };
  const bytes = typeof base64 === 'string' ? Buffer.from(base64, 'base64') : undefined;
  if ((bytes === undefined) === (typeof text !== 'string'))
    throw wrong(tool, where, 'is a file: a text, { text } or { base64 } is expected');
  if (bytes !== undefined && withoutTrailing(bytes.toString('base64'), '=') !== withoutTrailing(base64 as string, '='))
    throw wrong(tool, `${where}.base64`, 'is not base64');
  const type = typeof mediaType === 'string' ? mediaType : undefined;
  if (type !== undefined && (!type.slice(1, -1).includes('/') || /[^\x20-\x7e]/.test(type)))
    throw wrong(tool, `${where}.mediaType`, 'is no media type');
  return {
    value: bytes ?? plain(text as string, where, tool),
    type: bytes === undefined && type !== undefined ? withCharset(type) : type,
    usual: bytes === undefined ? 'text/plain; charset=utf-8' : 'application/octet-stream',
    filename: typeof filename === 'string' ? plain(filename, `${where}.filename`, tool) : undefined,
  };
}

/** Text goes out in UTF-8, whatever it came in. */
function withCharset(type: string): string {
  if (mediaTypeOf(type).charset === undefined) return isTextual(type) ? `${type}; charset=utf-8` : type;
  return type.replace(/;\s*charset\s*=\s*("[^"]*"|[^;]*)/gi, '; charset=utf-8');
}

/** In Reel's own writing: `FormData` changes the ends of lines. */
function multipart(parts: readonly Part[]): Written {
  const chunks = parts.map(({ name, value, type, filename }) => {
    const file = filename === undefined ? '' : `; filename="${quoted(filename)}"`;
    const head = `Content-Disposition: form-data; name="${quoted(name)}"${file}\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n`;
    return Buffer.concat([Buffer.from(head), Buffer.from(value as string)]);
  });
  // Told from what stands between them, so that another attempt sends the same bytes, and no part has it.
  const digest = hash('sha256', Buffer.concat(chunks.flatMap((one) => [Buffer.from(`${one.byteLength} `), one])));
  const boundary = `reel-${digest.slice(0, 40)}`;
  const bytes = chunks.flatMap((one) => [Buffer.from(`--${boundary}\r\n`), one, Buffer.from('\r\n')]);
  return { type: `multipart/form-data; boundary=${boundary}`, bytes: Buffer.concat([...bytes, Buffer.from(`--${boundary}--\r\n`)]) };
}

/** As browsers write it (HTML, "multipart/form-data encoding algorithm"). */
const quoted = (name: string): string => name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22');

const wrong = (tool: string, where: string, why: string): Failure =>
  new Failure({ code: 'invalid-arguments', message: `${tool}: ${where} ${why}`, retryable: false });
