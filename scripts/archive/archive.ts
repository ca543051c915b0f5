/** `reel archive`: runs that are over go from the log to where they stay, before they age out. Doing it again archives what is new. */

import { join } from 'node:path';
import { type History, historyOf } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { reelStream } from '@reel/bus/jetstream/names.ts';
import type { Raw } from '@reel/bus/log.ts';
import { type ArchiveStore, BUCKET_NAME, bucketArchiveStore } from '@reel/bus/operator/archive-store.ts';
import type { FullLog } from '@reel/bus/operator/full-log.ts';
import { line, print, printJson } from '@reel/bus/process/terminal.ts';
import { blobSubject, mayHaveBlobs, unpack } from '@reel/bus/runtime/large-values.ts';
import { entriesOf, gathered } from '@reel/bus/verifier/gather.ts';
import type { Command } from 'commander';
import { Refused } from '../cli/api.ts';
import { when } from '../cli/summary.ts';
import { besideIn } from '../local/losses.ts';
import { brokerIn, folder, moment, withLog } from '../local/operator.ts';
import { unarchived } from './check.ts';
import { folderShelf } from './folder.ts';
import { blobsOf, type Indexed, isManifest, manifestName } from './format.ts';
import { type Accepted, type Archive, type Damaged, indexOf, keptFrom, lostEnd, runFrom, type Volume, volumesOf } from './read.ts';
import { openVolumes, type Written } from './write.ts';

const BUCKET = 'nats-object-store:';

/** Uses the place that is named: a folder, or `nats-object-store:BUCKET` at the broker of the installation in `dir`. */
export async function withShelf<T>(place: string, dir: string, use: (shelf: Archive) => Promise<T>): Promise<T> {
  const open = async (shelf: ArchiveStore): Promise<Archive> => ({ ...shelf, beside: await besideIn(dir, shelf.place) });
  if (!place.startsWith(BUCKET)) return await use(await open(folderShelf(place)));
  const bucket = place.slice(BUCKET.length);
  if (!BUCKET_NAME.grammar.test(bucket))
    throw new Refused(`the bucket in "${place}" is called "${bucket}", and its name has to be ${BUCKET_NAME.inWords}`);
  const connection = await connect(await brokerIn(dir), 'provisioner');
  try {
    return await use(await open(bucketArchiveStore(connection, bucket)));
  } finally {
    await connection.close();
  }
}

/** The same for an archive that is to be read. @throws Refused when there is none. */
export async function withArchive<T>(place: string, dir: string, use: (shelf: Archive) => Promise<T>): Promise<T> {
  return await withShelf(place, dir, async (shelf) => {
    const names = await shelf.names();
    if (names?.some(isManifest)) return await use(shelf);
    const what = names === undefined ? 'is not there' : `holds no archive (there is no ${manifestName(1)} in it)`;
    throw new Refused(
      `--archive is "${place}", and ${shelf.place} ${what}: expected a folder, or ${BUCKET}BUCKET, that \`reel archive\` has written to`,
    );
  });
}

/**
 * A run as it is archived, with its facts as if they had been read from the log. @param tell what is damaged in the archive, where some of
 * the run may have stood. @throws Refused when it is not there.
 */
export async function archivedRun(place: string, dir: string, run: string, tell: (damaged: Damaged) => void): Promise<History> {
  const found = await withArchive(place, dir, (shelf) => runFrom(shelf, run, tell));
  if (!found?.raws.some(({ subject }) => subject.endsWith('.run.run.1.request')))
    throw new Refused(`there is no run "${run}" in ${place} that can be read`);
  const entries = await entriesOf(found.raws, blobsOf(found));
  return historyOf({ shard: found.shard, run, entries, byAddress: new Map(entries.map((entry) => [entry.address, entry])) });
}

/** A fact with a large value that is not in the log, not even at its leader. */
export type Lacking = { readonly run: string; readonly address: string; readonly digest: string };

const isOutcome = ({ subject }: Raw): boolean => subject.endsWith('.run.run.1.outcome');

/** From where on a shard is read for what is not archived yet, and from where on its positions may have been used again after a loss. */
function begin(accepted: readonly Accepted[], newest: Volume | undefined, shard: number): { from: number; reused: number } {
  const resume = newest?.manifest.shards.find((one) => one.shard === shard)?.resume ?? 1;
  const losses = accepted.filter(({ stream, to, last = to }) => stream === reelStream(shard) && last < to);
  const after = (one: Accepted): number => (one.last ?? 0) + 1;
  const from = Math.min(resume, ...losses.filter(({ acceptedAt }) => acceptedAt >= (newest?.manifest.createdAt ?? '')).map(after));
  return { from, reused: Math.min(...losses.filter(({ to }) => to >= from).map(after)) };
}

/**
 * Archives every run that ended before a moment (ms since the epoch) and is not archived yet. One that lacks a value is left out, and
 * looked at again the next time: what is archived may be forgotten, and this would be forgotten without ever having been kept.
 * `gone`: volumes of the archive that are lost; what the log still has of them is archived again.
 */
export async function archive(
  log: FullLog,
  shards: number,
  shelf: Archive,
  beforeMs: number,
): Promise<Written & { readonly lacking: readonly Lacking[]; readonly gone: readonly Damaged[] }> {
  const lacking: Lacking[] = [];
  const volumes = await volumesOf(shelf);
  const gone = lostEnd(shelf, volumes);
  const accepted = (await shelf.beside?.accepted()) ?? [];
  const to = openVolumes(shelf, volumes.at(-1));
  const resume = new Map<number, number>();
  for (let shard = 0; shard < shards; shard += 1) {
    const { from, reused } = begin(accepted, volumes.at(-1), shard);
    const kept = await keptFrom(shelf, volumes, shard, reused);
    const done = await archivedSince(shelf, volumes, shard, from);
    let next = from;
    let unfinished = Number.POSITIVE_INFINITY;
    async function* read(): AsyncGenerator<Raw> {
      for await (const raw of log.facts(shard, { seq: from })) {
        next = raw.seq + 1;
        yield raw;
      }
    }
    const add = async (of: Indexed['of'], run: string, raws: readonly Raw[]): Promise<void> => {
      const known = done.get(run);
      const fresh = raws.filter(({ seq, time }) => (seq < reused ? seq > (known ?? 0) : kept.get(seq) !== time));
      if (fresh.length === 0) return;
      const values = await valuesOf(log, shard, run, fresh);
      if (values.lacking.length > 0) {
        lacking.push(...values.lacking);
        unfinished = Math.min(unfinished, (fresh[0] as Raw).seq);
        return;
      }
      await to.add(known === undefined ? of : 'more', { run, shard, raws: fresh, blobs: values.blobs });
      done.set(run, (fresh.at(-1) as Raw).seq);
    };
    const strays: string[] = [];
    for await (const { state, run, raws } of gathered(read())) {
      const endMs = (state === 'claim' ? raws[0] : raws.find(isOutcome))?.time ?? Number.POSITIVE_INFINITY;
      if (state === 'stray') strays.push(run);
      else if (endMs < beforeMs) await add(state === 'claim' ? 'claim' : 'run', run, raws);
      else unfinished = Math.min(unfinished, (raws[0] as Raw).seq);
    }
    // Late facts of runs that have been archived, now or some time ago.
    await recall(shelf, volumes, shard, strays, done);
    for (const run of strays) if (done.has(run)) await add('more', run, await log.run(shard, run));
    resume.set(shard, Math.min(unfinished, next));
  }
  const { newest, ...written } = await to.end(resume);
  if (newest !== undefined) await shelf.beside?.note({ volume: newest.manifest.volume, sha256: newest.sha256 });
  return { ...written, lacking, gone };
}

/** The runs of which something from a position on is archived, with the position of the last fact that is. */
async function archivedSince(shelf: ArchiveStore, volumes: readonly Volume[], shard: number, from: number): Promise<Map<string, number>> {
  const done = new Map<string, number>();
  for (const volume of volumes) {
    if ((volume.manifest.shards.find((one) => one.shard === shard)?.last ?? 0) < from) continue;
    for (const one of await indexOf(shelf, volume))
      if (one.shard === shard && one.last >= from) done.set(one.run, Math.max(one.last, done.get(one.run) ?? 0));
  }
  return done;
}

/** Looks up in the whole archive which of these runs it has. */
async function recall(
  shelf: ArchiveStore,
  volumes: readonly Volume[],
  shard: number,
  runs: readonly string[],
  done: Map<string, number>,
): Promise<void> {
  const wanted = new Set(runs.filter((run) => !done.has(run)));
  if (wanted.size === 0) return;
  for (const volume of volumes) {
    for (const { run, last, shard: at } of await indexOf(shelf, volume))
      if (at === shard && wanted.has(run)) done.set(run, Math.max(last, done.get(run) ?? 0));
  }
}

type Values = { readonly blobs: ReadonlyMap<string, string>; readonly lacking: readonly Lacking[] };

/** The values that stand beside these facts, and those that should. */
async function valuesOf(log: FullLog, shard: number, run: string, raws: readonly Raw[]): Promise<Values> {
  const blobs = new Map<string, string>();
  const lacking: Lacking[] = [];
  const load = log.blobs(shard, run);
  for (const { subject, body } of raws) {
    if (!mayHaveBlobs(body)) continue;
    await unpack(body, async (writer, digest) => {
      const value = await load(writer, digest);
      if (value === undefined) lacking.push({ run, address: subject, digest });
      else blobs.set(blobSubject({ shard, writer, run, digest }), value);
      return value;
    });
  }
  return { blobs, lacking };
}

type ArchiveOptions = {
  readonly dir: string;
  readonly to?: string;
  readonly before: string;
  readonly check?: boolean;
  readonly json?: boolean;
};

/** Adds the command. */
export function addArchive(reel: Command): void {
  reel
    .command('archive')
    .description('archive runs that are over, before they age out of the log')
    .option('--to <PLACE>', 'a folder, or nats-object-store:BUCKET (by default the folder "archive" of the running Reel)')
    .option('--before <WHEN>', 'only runs that ended before then: a date, or a time ago (90s, 15m, 12h, 7d)', '1h')
    .option('--check', 'archive nothing, and fail if such a run is not archived')
    .option('--dir <DIR>', 'the folder of the running Reel', folder())
    .option('--json', 'print JSON, for programs')
    .action(async ({ dir, to = join(dir, 'archive'), before, check = false, json = false }: ArchiveOptions) => {
      const beforeMs = moment(before, '--before');
      const tell = (text: string, value: unknown): void => (json ? printJson(value, 2) : print(text));
      await withShelf(to, dir, (shelf) =>
        withLog(dir, async (log, shards) => {
          if (!check) {
            const { lacking, gone, ...written } = await archive(log, shards, shelf, beforeMs);
            const { volumes, runs, facts } = written;
            if (lacking.length > 0 || gone.length > 0) process.exitCode = 1;
            const lines = [
              ...gone.map(({ message }) => line`${message}; what the log still has of it is archived again`),
              ...lacking.map(
                ({ run, address, digest }) => line`${run}  is not archived: the value ${digest} of ${address} is not in the log`,
              ),
            ];
            return tell([...lines, `${runs} runs, ${facts} facts in ${volumes} new volumes in ${shelf.place}`].join('\n'), {
              place: shelf.place,
              ...written,
              lacking,
              ...(gone.length > 0 ? { gone: gone.map(({ message }) => message) } : {}),
            });
          }
          const damaged: Damaged[] = [];
          const missing = await unarchived(log, shards, shelf, { beforeMs, tell: (one) => damaged.push(one) });
          const lines = [
            ...damaged.map(({ message }) => line`${message}`),
            ...missing.map(({ run, endedMs }) => line`${run}  ended ${when(new Date(endedMs).toISOString())}, and is not archived`),
          ];
          if (lines.length > 0) process.exitCode = 1;
          const absent = (await shelf.names()) === undefined ? ', which is not there' : '';
          const then = when(new Date(beforeMs).toISOString());
          return tell(
            [...lines, `${missing.length} runs that ended before ${then} are not in ${shelf.place}${absent}`].join('\n'),
            damaged.length === 0 ? missing : [...missing, ...damaged.map(({ file, message }) => ({ file, message }))],
          );
        }),
      );
    });
}
