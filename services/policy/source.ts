/** Files of policies as people wrote them, and how something in them is pointed at. */
import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs';

/** The policies cannot be used as they are; the message says where, what and what to do. */
export class PolicyError extends Error {}

export type PolicyFile = { readonly path: string; readonly name: string; readonly text: string };

/** What Cedar says is wrong with a file. */
export function describe(file: PolicyFile, error: DetailedError): string {
  const [at] = error.sourceLocations ?? [];
  const where = at === undefined ? file.path : placeIn(file, indexOf(file.text, at.start));
  return `${where}: ${inWords(error)}: correct it and start again`;
}

export function inWords({ message, help, sourceLocations }: DetailedError): string {
  const hints = [sourceLocations?.[0]?.label, help].filter((hint) => hint != null);
  return `${message}${hints.length > 0 ? ` (${hints.join('; ')})` : ''}`;
}

/** Cedar counts bytes. */
export const indexOf = (text: string, byte: number): number => Buffer.from(text).subarray(0, byte).toString().length;

/** `path:line:column` */
export function placeIn({ path, text }: PolicyFile, index: number): string {
  const before = text.slice(0, index).split('\n');
  return `${path}:${before.length}:${(before.at(-1) as string).length + 1}`;
}
