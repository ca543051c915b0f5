/** Reads an OpenAPI document, and the files that it refers to, into one whose references all point into itself. */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $RefParser } from '@apidevtools/json-schema-ref-parser';
import { type Meter, metered, upTo } from '@reel/bus/process/bounded-read.ts';
import { excerpt, placeOf } from '@reel/bus/runtime/secrets.ts';
import { digitsInYaml } from '@reel/contracts/exact-json.ts';
import {
  binaryTag,
  CORE_SCHEMA,
  floatCoreTag,
  intCoreTag,
  load,
  mergeTag,
  omapTag,
  pairsTag,
  type ScalarTagDefinition,
  setTag,
  timestampTag,
} from 'js-yaml';
import { parsed } from './media.ts';
import { DocumentError } from './openapi-schema.ts';

const READ_MS = 20_000;
const MOST_BYTES = 20_000_000;
const MOST_NODES = 2_000_000;
const MOST_FILES = 1_000;
/** Of a document and of all that it refers to. */
const ofAll = (): Meter => upTo(MOST_BYTES, 'the document, with what it refers to,');

/** The document cannot be had at the moment. */
export class Unreadable extends Error {}

/** A document as it was read, and whether what it was read from says something else by now. */
export type Reading = { readonly document: unknown; hasChanged(stop: AbortSignal): Promise<boolean> };

/** A text, and by what a server knows it again. */
type Text = { readonly text: string; readonly etag?: string | undefined };

/**
 * @param place a URL, or an absolute path. What a document at a URL refers to is read from the same origin only; a file's, from files.
 * @throws Unreadable when it cannot be had; DocumentError when it can, and is not YAML or JSON, or a reference leads nowhere.
 */
export async function readDocument(place: string, stop: AbortSignal): Promise<Reading> {
  const remote = !isAbsolute(place);
  const origin = remote ? new URL(place).origin : undefined;
  const texts = new Map<string, { readonly digest: string; readonly etag: string | undefined }>();
  const read = async (url: string, signal: AbortSignal, meter: Meter): Promise<Text | undefined> => {
    try {
      if (remote) return await download(url, { stop: signal, meter, etag: texts.get(url)?.etag });
      return { text: await readFile(url.startsWith('file:') ? fileURLToPath(url) : decodeURIComponent(url), 'utf8') };
    } catch (error) {
      throw new Unreadable(`${remote ? placeOf(url) : url} cannot be read: ${explained(error)}`, { cause: error });
    }
  };
  const hasChanged = async (signal: AbortSignal): Promise<boolean> => {
    const meter = ofAll();
    for (const [url, { digest }] of texts) {
      const now = await read(url, signal, meter);
      if (now !== undefined && hash('sha256', now.text) !== digest) return true;
    }
    return false;
  };
  const allowed = ({ url }: { url: string }): boolean =>
    remote ? new URL(url, place).origin === origin : !/^[a-z]{2,}:\/\//i.test(url) || url.startsWith('file:');
  let unreadable: Error | undefined;
  const meter = ofAll();
  const resolver = {
    order: 1,
    canRead: allowed,
    read: async ({ url }: { url: string }) => {
      if (texts.size >= MOST_FILES) throw new DocumentError(`it refers to more than ${MOST_FILES} others`);
      const there = await read(url, stop, meter).catch((error: Unreadable) => {
        unreadable = error;
        throw error;
      });
      const { text = '', etag } = there ?? {};
      texts.set(url, { digest: hash('sha256', text), etag });
      return text;
    },
  };
  try {
    const whole = await $RefParser.bundle(place, {
      resolve: { file: false, http: false, within: resolver },
      parse: { json: false, yaml: false, text: false, binary: false, exact: parser },
    });
    checkNodes(whole);
    // A date in YAML is a string in JSON, and what is sent is JSON.
    return { document: JSON.parse(JSON.stringify(whole)) as unknown, hasChanged };
  } catch (error) {
    throw unreadable ?? new DocumentError(excerpt((error as Error).message.replaceAll(/\s+/g, ' '), 500));
  }
}

/** Reads JSON, or YAML. Numbers that no double carries are the texts of their digits: the library's own parsers would change them. */
const parser = {
  order: 1,
  canParse: true,
  parse: ({ data }: { data: unknown }): unknown => {
    const text = String(data).replace(/^\ufeff/, '');
    return parsed(text) ?? readYaml(text);
  },
};

const exactly = (tag: ScalarTagDefinition<number>): ScalarTagDefinition<number | string> => ({
  ...tag,
  resolve: (source, isExplicit, tagName) => {
    const value = tag.resolve(source, isExplicit, tagName);
    return typeof value === 'number' ? (digitsInYaml(source, value) ?? value) : value;
  },
});
const CORE = CORE_SCHEMA.withTags(exactly(intCoreTag), exactly(floatCoreTag));
/** What older documents name besides. */
const MORE = CORE.withTags(timestampTag, mergeTag, binaryTag, omapTag, pairsTag, setTag);

function readYaml(text: string): unknown {
  try {
    return load(text, { schema: CORE });
  } catch {
    return load(text, { schema: MORE });
  }
}

/** @param etag of what is known of it already: nothing is read when it is that still. */
async function download(
  url: string,
  { stop, meter, etag }: { stop: AbortSignal; meter: Meter; etag: string | undefined },
): Promise<Text | undefined> {
  const headers: Record<string, string> = etag === undefined ? {} : { 'if-none-match': etag };
  const response = await fetch(url, { headers, signal: AbortSignal.any([stop, AbortSignal.timeout(READ_MS)]), redirect: 'error' });
  if (!response.ok) {
    await response.body?.cancel();
    if (response.status === 304 && etag !== undefined) return undefined;
    throw new Error(`the answer is ${response.status}`);
  }
  return { text: await metered(response, meter).text(), etag: response.headers.get('etag') ?? undefined };
}

/** Where a part is referred to twice, as YAML can, it is written out twice: a short document may have no end. @throws DocumentError */
function checkNodes(whole: unknown): void {
  let left = MOST_NODES;
  const open = [whole];
  while (open.length > 0) {
    left -= 1;
    if (left < 0) throw new DocumentError(`it has more than ${MOST_NODES} values when it is written out`);
    const value = open.pop();
    if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) open.push(one);
  }
}

const explained = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message || cause.name}` : message;
};
