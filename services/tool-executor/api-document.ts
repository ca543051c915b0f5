/** Reads an OpenAPI document, and the files that it refers to, into one whose references all point into itself. */
import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $RefParser } from '@apidevtools/json-schema-ref-parser';
import { DocumentError } from './openapi-schema.ts';

const READ_MS = 20_000;
const MOST_BYTES = 20_000_000;

/** The document cannot be had at the moment. */
export class Unreadable extends Error {}

/**
 * @param place a URL, or an absolute path. What a document at a URL refers to is read from the same origin only; a file's, from files.
 * @throws Unreadable when it cannot be had; DocumentError when it can, and is not YAML or JSON, or a reference leads nowhere.
 */
export async function readDocument(place: string, stop: AbortSignal): Promise<unknown> {
  const remote = !isAbsolute(place);
  const origin = remote ? new URL(place).origin : undefined;
  const read = async (url: string): Promise<string> => {
    try {
      if (remote) return await download(url, stop);
      return await readFile(url.startsWith('file:') ? fileURLToPath(url) : decodeURIComponent(url), 'utf8');
    } catch (error) {
      throw new Unreadable(`${url} cannot be read: ${explained(error)}`, { cause: error });
    }
  };
  const allowed = ({ url }: { url: string }): boolean =>
    remote ? new URL(url, place).origin === origin : !/^[a-z]{2,}:\/\//i.test(url) || url.startsWith('file:');
  let unreadable: Error | undefined;
  const resolver = {
    order: 1,
    canRead: allowed,
    read: async ({ url }: { url: string }) =>
      await read(url).catch((error: Unreadable) => {
        unreadable = error;
        throw error;
      }),
  };
  try {
    const whole = await $RefParser.bundle(place, { resolve: { file: false, http: false, within: resolver } });
    // A date in YAML is a string in JSON, and what is sent is JSON.
    return JSON.parse(JSON.stringify(whole)) as unknown;
  } catch (error) {
    throw unreadable ?? new DocumentError((error as Error).message.replaceAll(/\s+/g, ' ').slice(0, 500));
  }
}

async function download(url: string, stop: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.any([stop, AbortSignal.timeout(READ_MS)]), redirect: 'error' });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`the answer is ${response.status}`);
  }
  const body = await response.arrayBuffer();
  if (body.byteLength > MOST_BYTES) throw new Error(`it has ${body.byteLength} bytes, and may have ${MOST_BYTES}`);
  return new TextDecoder().decode(body);
}

const explained = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message || cause.name}` : message;
};
