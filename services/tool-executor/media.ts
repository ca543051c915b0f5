/**
 * What the bytes of an answer are, by its media type and charset: JSON, text, or bytes that are kept as they are. Nothing is guessed: what
 * is no text in the charset that it should have is not changed into some. Pure.
 */
import type { Json } from '@reel/contracts/envelope.ts';
import { parseJson } from '@reel/contracts/exact-json.ts';

/** Bytes as a fact carries them; the same object can be given to a tool that takes a file. */
type Bytes = { readonly base64: string; readonly mediaType: string };

/** What a media type stands for: its essence in lower case, and its charset where it names one. */
type MediaType = { readonly essence: string; readonly charset: string | undefined };

const UNKNOWN = 'application/octet-stream';
const TEXTUAL =
  /^(text\/.+|.+\+(xml|yaml|json-seq)|application\/((x-)?(ndjson|jsonl|yaml|toml|javascript|ecmascript|sql|graphql|xml|csv|json-seq|json5|jsonlines|pem-file|sh)|x-www-form-urlencoded|xml-.+|graphql|jwt|jose|sdp))$/;

export function mediaTypeOf(said: string): MediaType {
  const [essence = '', ...parameters] = said.split(';');
  const charset = parameters.map((one) => /^\s*charset\s*=\s*"?'?([^"'\s]+)/i.exec(one)?.[1]).find((one) => one !== undefined);
  return { essence: essence.trim().toLowerCase(), charset };
}

/** True for JSON under any of its names; its lines (`application/x-ndjson`) are text. */
export const isJson = (said: string): boolean => /^([^/]+\/(.+\+json|(x-)?json))$/.test(mediaTypeOf(said).essence);
export const isTextual = (said: string): boolean => TEXTUAL.test(mediaTypeOf(said).essence);

/** JSON that ends before all that it began has ended: the rest of it did not come, whatever the connection says. */
export class Half extends Error {}

/**
 * The answer's value: JSON as what it means, text as `{ text }`, and all else as `{ base64, mediaType }`.
 * @param fits whether JSON under another name is what was promised.
 * @throws Half
 */
export function readAnswer(bytes: Uint8Array, contentType: string | null, fits: (value: Json) => boolean): Json {
  const said = contentType?.trim() ?? '';
  const json = isJson(said);
  if (bytes.byteLength === 0 && (said === '' || json)) return null;
  const { essence } = mediaTypeOf(said);
  const text = textOf(bytes, contentType);
  const value = text === undefined ? undefined : parsed(text);
  if (value !== undefined && (json || fits(value))) return value;
  if (json && isUnclosed(text ?? looselyRead(bytes, contentType))) throw new Half('its JSON has no end');
  if (text !== undefined && (json || said === '' || isTextual(said))) return { text };
  return { base64: Buffer.from(bytes).toString('base64'), mediaType: essence === '' ? UNKNOWN : said } satisfies Bytes;
}

/** The JSON that a text is, or undefined. */
export function parsed(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** Its text, in the charset that its first bytes, its media type or its own first line say, else UTF-8; undefined when it is none. */
export function textOf(bytes: Uint8Array, contentType: string | null): string | undefined {
  try {
    return new TextDecoder(charsetOf(bytes, contentType), { fatal: true }).decode(bytes);
  } catch {
    // Either it is not what it should be, or the charset is not known here.
    return undefined;
  }
}

function charsetOf(bytes: Uint8Array, contentType: string | null): string {
  const said = contentType ?? '';
  return markOf(bytes) ?? mediaTypeOf(said).charset ?? (isJson(said) ? unmarked(bytes) : ownWord(bytes, said)) ?? 'utf-8';
}

/** As much of its text as there is, for looking at: it may end within a character. */
function looselyRead(bytes: Uint8Array, contentType: string | null): string {
  try {
    return new TextDecoder(charsetOf(bytes, contentType)).decode(bytes);
  } catch {
    return '';
  }
}

/** True for a text that begins a list, an object or a text of JSON, and ends within it. */
function isUnclosed(text: string): boolean {
  if (!/^\s*[[{"]/.test(text)) return false;
  let depth = 0;
  let isQuoted = false;
  for (let place = 0; place < text.length; place += 1) {
    const letter = text[place];
    if (letter === '"') isQuoted = !isQuoted;
    else if (isQuoted) place += letter === '\\' ? 1 : 0;
    else if (letter === '[' || letter === '{') depth += 1;
    else if (letter === ']' || letter === '}') depth -= 1;
  }
  return isQuoted || depth > 0;
}

function markOf([a, b, c]: Uint8Array): string | undefined {
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  return a === 0xff && b === 0xfe ? 'utf-16le' : undefined;
}

/** JSON begins with a character below U+0080, so that zeros tell UTF-16 (RFC 4627). */
const unmarked = ([a, b]: Uint8Array): string | undefined =>
  a === 0 && b !== 0 ? 'utf-16be' : b === 0 && a !== 0 && a !== undefined ? 'utf-16le' : undefined;

/** What a document says of itself: XML in its declaration, HTML in a meta element. */
function ownWord(bytes: Uint8Array, said: string): string | undefined {
  const { essence } = mediaTypeOf(said);
  if (!/[/+-](xml|html)/.test(essence)) return undefined;
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 1024)).toString('latin1');
  return (/^\s*<\?xml[^>]*\sencoding\s*=\s*["']([^"']+)/.exec(head) ?? /<meta[^>]+charset\s*=\s*["']?([^"'\s/>;]+)/i.exec(head))?.[1];
}
