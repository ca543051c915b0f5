/** Large values leave the fact: they stand beside the log, write-once, addressed by their content, and come back when it is read. */
import { hash } from 'node:crypto';
import { isToken } from '@reel/contracts/address.ts';
import type { Envelope } from '@reel/contracts/envelope.ts';
import { isLongerThan } from '@reel/contracts/written.ts';
import { Fatal } from '../service.ts';
import { DEEPEST, isTooDeep, readJson } from './json.ts';

/** Above this many bytes the largest fields of a fact's data go to the blob store. */
const INLINE_BYTES = 64 * 1024;
/** A fact with more data than this is refused: such a value belongs in a store of the user's own. */
export const MAX_BYTES = 1_000_000;
/** What is said around a value of that size: a result may be as large as can be, and its usage is told all the same. */
const AROUND_BYTES = 16 * 1024;

/** True for data that no fact can carry. It is the data that count: what repeats another fact's is never larger for who says it, and where. */
export const isTooLarge = (data: unknown): boolean =>
  // What is far too large is not written out to find that out.
  isLongerThan(data, MAX_BYTES + AROUND_BYTES) || Buffer.byteLength(JSON.stringify(data)) > MAX_BYTES + AROUND_BYTES;

/** A fact that the log cannot store: too large or too deep. `field` is the largest field of its data. */
export class Misfit extends Fatal {
  readonly field: string | undefined;
  constructor(message: string, field?: string) {
    super(message);
    this.field = field;
  }
}

export type Blob = { readonly digest: string; readonly body: string };
/** Where a value stands: under the name of the service that wrote it, where no other service may write. */
export type BlobPlace = { readonly shard: number | string; readonly writer: string; readonly run: string; readonly digest: string };
export const blobSubject = ({ shard, writer, run, digest }: BlobPlace): string => `blob.${shard}.${writer}.${run}.${digest}`;

/** Finds a value by its digest among those of a writer. */
export type LoadBlob = (writer: string, digest: string) => Promise<string | undefined>;

type Reference = { readonly blob: string; readonly bytes: number };

/** The text of a fact, and the values that have to be stored before it. @throws Misfit above the limits, naming the field. */
export function pack(fact: Envelope): { body: string; blobs: readonly Blob[] } {
  if (isLongerThan(fact.data, 8 * MAX_BYTES))
    throw new Fatal(`${fact.type} has more than ${8 * MAX_BYTES} characters, and may have ${MAX_BYTES} bytes`);
  const body = JSON.stringify(fact);
  if (isTooDeep(body)) throw new Misfit(`${fact.type} is nested deeper than ${DEEPEST} levels: flatten it, or pass it on as text`);
  if (body.length <= INLINE_BYTES / 4) return { body, blobs: [] };
  const bytes = Buffer.byteLength(body);
  if (bytes <= INLINE_BYTES) return { body, blobs: [] };
  const fields = Object.entries(fact.data)
    .map(([name, value]) => ({ name, body: JSON.stringify(value) ?? 'null' }))
    .map((field) => ({ ...field, bytes: Buffer.byteLength(field.body) }))
    .sort((a, b) => b.bytes - a.bytes);
  const largest = fields[0];
  if (largest === undefined || (bytes > MAX_BYTES && isTooLarge(fact.data))) {
    throw new Misfit(
      `${fact.type}: data.${largest?.name} has ${largest?.bytes} bytes and a fact at most ${MAX_BYTES}: store it elsewhere and pass on a reference`,
      largest?.name,
    );
  }
  const data = { ...fact.data };
  const blobs: (Blob & { name: string })[] = [];
  let left = bytes;
  for (const { name, body: value, bytes: size } of fields) {
    if (left <= INLINE_BYTES) break;
    const digest = hash('sha256', value);
    blobs.push({ digest, body: value, name });
    data[name] = { blob: digest, bytes: size } satisfies Reference;
    left -= size;
  }
  return { body: JSON.stringify({ ...fact, blobs: blobs.map(({ name }) => name).join(','), data }), blobs };
}

/** True when this text may need `unpack`: a cheap look before an expensive one. */
export const mayHaveBlobs = (body: string): boolean => body.includes('"blobs":"');

/** No fact has more large values than fields. A longer list is an attack. */
const MOST = 32;

/**
 * The text with its large values back in their places. They are looked for under the name of the fact's source: a fact that names another
 * service gains nothing by it, since a value that is not what its digest says counts for nothing. A value that is missing, is not what its
 * digest says, cannot be read or is more than a fact may have leaves its reference, and its name in `blobs`. Rejects only when the store
 * cannot be reached.
 */
export async function unpack(body: string, load: LoadBlob): Promise<string> {
  let fact: Envelope;
  try {
    fact = readJson(body) as Envelope;
  } catch {
    return body;
  }
  if (typeof fact?.blobs !== 'string' || typeof fact.data !== 'object' || fact.data === null) return body;
  let left = MAX_BYTES + AROUND_BYTES;
  const names = fact.blobs.split(',');
  const gone = new Set(names);
  for (const name of names.slice(0, MOST)) {
    const reference = Object.hasOwn(fact.data, name) ? (fact.data[name] as Reference | null) : undefined;
    if (typeof reference?.blob !== 'string' || !/^[0-9a-f]{64}$/.test(reference.blob)) continue;
    const isNamed = typeof fact.source === 'string' && isToken(fact.source);
    const value = isNamed ? await load(fact.source, reference.blob) : undefined;
    if (value === undefined || value.length > left || hash('sha256', value) !== reference.blob) continue;
    left -= value.length;
    try {
      fact.data[name] = readJson(value);
      gone.delete(name);
    } catch {
      // It is what was stored, and it was never a value.
    }
  }
  const { blobs: _, ...rest } = fact;
  return JSON.stringify(gone.size === 0 ? rest : { ...rest, blobs: [...gone].join(',') });
}
