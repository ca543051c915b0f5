/** Bytes with a media type as a value: JSON as what it says, text as text, and everything else as the bytes that it is. Pure. */
import type { Json } from '@reel/contracts/envelope.ts';
import { parseJson } from '@reel/contracts/exact-json.ts';

/** `type` is lower case and without parameters. */
export type Media = { readonly type: string; readonly charset?: string | undefined };

export function mediaOf(contentType: string | null): Media {
  const [type = '', ...parameters] = (contentType ?? '').split(';');
  const charset = parameters.map((one) => /^\s*charset\s*=\s*"?([^"\s]+)"?\s*$/i.exec(one)?.[1]).find((one) => one !== undefined);
  return { type: type.trim().toLowerCase(), charset };
}

export const isJson = (type: string): boolean => /^(application|text)\/([^;]*\+)?json$/.test(type);

/** What people write and read, though it may have a structure of its own. */
const TEXTS =
  /^(text\/.*|.*\+(xml|yaml)|application\/(xml|yaml|x-yaml|toml|sql|graphql|javascript|ecmascript|x-sh|x-www-form-urlencoded|x-ndjson|ndjson|jsonl|x-jsonlines|json-seq))$/;

/**
 * The value in an answer: JSON as what it says, `{ text }`, or `{ base64, mediaType }`. Which of them follows from what the sender says it
 * is; bytes that are not text in the character set that they are said to be are kept as bytes.
 */
export function valueIn(bytes: Uint8Array, media: Media): Json {
  const asJson = isJson(media.type);
  const text = asJson || TEXTS.test(media.type) || media.type === '' ? textIn(bytes, media) : undefined;
  if (text === undefined) return { base64: Buffer.from(bytes).toString('base64'), mediaType: media.type || 'application/octet-stream' };
  if (!asJson) return { text };
  try {
    return parseJson(text);
  } catch {
    return { text };
  }
}

/** The text that the bytes are, if they are one. Without a character set it is UTF-8, but for XML, which may say so itself. */
export function textIn(bytes: Uint8Array, { type, charset }: Media): string | undefined {
  const declared =
    charset ?? (type.endsWith('xml') ? /^<\?xml[^>]*\sencoding=["']([^"']+)["']/.exec(latin1(bytes.subarray(0, 200)))?.[1] : undefined);
  try {
    return new TextDecoder(declared ?? 'utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
