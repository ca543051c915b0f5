/**
 * The format of an archive. It consists of volumes: `000001-<digest>.facts.zst` with the facts, `….index.zst` with where to find each run in
 * it, and `000001.json`, the manifest, which is written last: without it there is no such volume. Both `.zst` are JSON Lines, which
 * `zstd -dc` shows. Pure.
 */
import { hash } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Raw } from '@reel/bus/log.ts';
import { blobSubject, type LoadBlob } from '@reel/bus/runtime/large-values.ts';
import { z } from 'zod';

export const VERSION = 2;

/** A file of a volume. */
const ArchiveFile = z.object({ name: z.string(), bytes: z.int(), sha256: z.string() });
type ArchiveFile = z.infer<typeof ArchiveFile>;

export const Manifest = z.object({
  format: z.literal('reel-archive'),
  version: z.literal(VERSION),
  volume: z.int().positive(),
  createdAt: z.iso.datetime(),
  /** The manifest before this one. A changed manifest breaks the chain. */
  previous: z.object({ name: z.string(), sha256: z.string() }).nullable(),
  runs: z.int(),
  facts: z.int(),
  /** When its first and its last fact were stored. */
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  /** By shard: the positions of its first and its last fact, and from where the log has to be read for what is not archived yet. */
  shards: z.array(z.object({ shard: z.int(), first: z.int(), last: z.int(), resume: z.int() })),
  factsFile: ArchiveFile,
  indexFile: ArchiveFile,
});
export type Manifest = z.infer<typeof Manifest>;

/** Where a run stands in a volume: in the block of so many bytes at an offset. `more`: facts that came when the rest was archived already. */
export const Indexed = z.object({
  run: z.string(),
  shard: z.int(),
  of: z.enum(['run', 'claim', 'more']),
  facts: z.int(),
  first: z.int(),
  last: z.int(),
  /** When it was requested and when it ended, ms since the epoch, and how. */
  requestedMs: z.int(),
  endedMs: z.int(),
  outcome: z.string(),
  offset: z.int(),
  length: z.int(),
});
export type Indexed = z.infer<typeof Indexed>;

/** A line of the facts: a message as it is stored, or a value that stands beside its run (which has neither position nor time). */
const Line = z.object({
  subject: z.string(),
  seq: z.int().optional(),
  time: z.int().optional(),
  body: z.string(),
  suspicious: z.string().optional(),
});

/** A run as it stands in the log. */
export type Stored = {
  readonly run: string;
  readonly shard: number;
  readonly raws: readonly Raw[];
  /** The values that stand beside it, by their subjects. */
  readonly blobs: ReadonlyMap<string, string>;
};

/** The values of such a run, as they are asked for. */
export const blobsOf =
  ({ shard, run, blobs }: Stored): LoadBlob =>
  async (writer, digest) =>
    blobs.get(blobSubject({ shard, writer, run, digest }));

const numbered = (volume: number): string => String(volume).padStart(6, '0');
export const manifestName = (volume: number): string => `${numbered(volume)}.json`;
export const isManifest = (name: string): boolean => /^\d{6,}\.json$/.test(name);

/** The digest is in the name, so that two who archive at once do not write over each other: one of them has the manifest. */
export function fileOf(volume: number, what: 'facts' | 'index', content: Buffer): ArchiveFile {
  const digest = sha256(content);
  return { name: `${numbered(volume)}-${digest.slice(0, 12)}.${what}.zst`, bytes: content.length, sha256: digest };
}

export const sha256 = (content: Buffer | string): string => hash('sha256', content);

/** A run as lines. */
export function linesOf({ raws, blobs }: Stored): string {
  const values = [...blobs].map(([subject, body]) => ({ subject, body }));
  return [...values, ...raws].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** The runs in these lines, in the order in which they first stand there. */
export function runsIn(text: string): Stored[] {
  const runs = new Map<string, { run: string; shard: number; raws: Raw[]; blobs: Map<string, string> }>();
  for (const json of text.split('\n')) {
    if (json === '') continue;
    const { subject, seq, time, body, suspicious } = Line.parse(JSON.parse(json));
    const isFact = seq !== undefined && time !== undefined;
    const [, shard, ...rest] = subject.split('.');
    const run = (isFact ? rest[0] : rest[1]) ?? '';
    const known = runs.get(run) ?? { run, shard: Number(shard), raws: [], blobs: new Map<string, string>() };
    runs.set(run, known);
    if (!isFact) known.blobs.set(subject, body);
    else known.raws.push({ subject, seq, time, body, ...(suspicious === undefined ? {} : { suspicious }) });
  }
  return [...runs.values()];
}

export const pressed = (text: string): Buffer => zstdCompressSync(text);
export const unpressed = (content: Buffer): string => zstdDecompressSync(content).toString();
