/**
 * What an installation knows of its log without the broker: how far each stream was acknowledged, written down beside it as it grows, and
 * which losses a person has accepted.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Damage, inWords } from '@reel/bus/jetstream/lost-end.ts';
import { reelStream } from '@reel/bus/jetstream/names.ts';
import type { Claimed, Inspection, Known, Marks } from '@reel/bus/operator/damage.ts';
import { z } from 'zod';
import { folderShelf } from '../archive/folder.ts';
import { type Beside, volumesOf } from '../archive/read.ts';

const Mark = z.object({ first: z.int(), firstMs: z.number(), last: z.int() });
const AcceptedLoss = z.object({
  stream: z.string(),
  from: z.int(),
  to: z.int(),
  why: z.string(),
  acceptedAt: z.iso.datetime(),
  /** Where the stream ended when the loss was accepted: the broker gives the positions after it to what is stored next. */
  last: z.int().optional(),
});
const Kept = z.object({ marks: z.record(z.string(), Mark), accepted: z.array(AcceptedLoss) });
export type AcceptedLoss = z.infer<typeof AcceptedLoss>;
type Kept = z.infer<typeof Kept>;

/** Acknowledged facts are lost: nothing is served that would be built on the rest, unless somebody accepts that. */
export class LogDamaged extends Error {
  constructor(lost: readonly Damage[], dir: string) {
    super(
      [
        `acknowledged facts are lost from the log of ${dir}:`,
        ...lost.map((damage) => `  ${inWords(damage)}`),
        `Put the broker's store back from a copy or a replica, and start again. To go on without them: the same command with --accept-loss.`,
        'It writes the loss down, and has every service hear again what is left: what was done and is not in the log any more may be done once more.',
        '`reel verify` names the runs that are broken; `reel show RUN --archive PATH` shows those that were archived.',
      ].join('\n'),
    );
  }
}

const fileIn = (dir: string): string => join(dir, 'acknowledged.json');

/** @throws when the file is there and cannot be read: without it a lost end of the log would go unnoticed. */
export async function keptIn(dir: string): Promise<Kept> {
  const text = await readFile(fileIn(dir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return { marks: {}, accepted: [] };
  try {
    return Kept.parse(JSON.parse(text));
  } catch (error) {
    const what = (error as Error).message.split('\n')[0];
    throw new Error(
      `${fileIn(dir)} is damaged (${what}): it says how far the log was acknowledged. Put it back from a copy, or delete it: then a lost end of the log is seen only where a durable or the archive knows of it`,
    );
  }
}

/** Written whole, and on disk when it resolves: it has to outlast what it is a witness of. */
async function keep(path: string, kept: object): Promise<void> {
  const unfinished = `${path}.${process.pid}.new`;
  const file = await open(unfinished, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(kept, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * How far the archive of an installation has the log. A damaged one says less, and `verify --archive` says that. What was archived before
 * a loss was accepted says nothing of the positions that were lost: others stand there since.
 */
async function archived(dir: string, accepted: readonly AcceptedLoss[]): Promise<Claimed[]> {
  const place = join(dir, 'archive');
  const volumes = await volumesOf(folderShelf(place), () => {});
  return volumes.flatMap(({ manifest }) =>
    manifest.shards.flatMap(({ shard, last }) => {
      const stream = reelStream(shard);
      const isLost = accepted.some(
        (one) => one.stream === stream && one.from <= last && last <= one.to && manifest.createdAt <= one.acceptedAt,
      );
      return isLost ? [] : [{ stream, last, who: `the archive in ${place} has what stood there` }];
    }),
  );
}

const Newest = z.object({ volume: z.int(), sha256: z.string() });
const Archives = z.record(z.string(), Newest);

/** What an installation knows of an archive of its log, beside it. */
export async function besideIn(dir: string, place: string): Promise<Beside> {
  const path = join(dir, 'archived.json');
  const archives = async (): Promise<z.infer<typeof Archives>> => {
    const text = await readFile(path, 'utf8').catch(() => '{}');
    try {
      return Archives.parse(JSON.parse(text));
    } catch (error) {
      const what = (error as Error).message.split('\n')[0];
      throw new Error(
        `${path} is damaged (${what}): it says how many volumes were archived. Delete it: the next \`reel archive\` writes it anew`,
      );
    }
  };
  return {
    newest: (await archives())[place],
    // What is noted in the folder is of its own broker, and of no other.
    accepted: async () => (process.env['REEL_NATS'] === undefined ? (await keptIn(dir)).accepted : []),
    note: async (newest) => unlessReadOnly(keep(path, { ...(await archives()), [place]: newest })),
  };
}

/** Everything that is known of the log of an installation without asking the broker. */
export async function knownIn(dir: string, durables: Known['durables']): Promise<Known & { readonly accepted: readonly AcceptedLoss[] }> {
  const { marks, accepted } = await keptIn(dir);
  return { marks, accepted, claims: await archived(dir, accepted), durables };
}

/** Without what was accepted before. A position that was given to another message since is not lost with consent a second time. */
export const notAccepted = (lost: readonly Damage[], accepted: readonly AcceptedLoss[]): Damage[] =>
  lost.filter(
    ({ stream, from, to }) =>
      !accepted.some((one) => one.stream === stream && one.from <= from && to <= Math.min(one.to, one.last ?? one.to)),
  );

/** Notes how far the log reaches now, with what was accepted. */
export async function note(dir: string, marks: Marks, accepted: readonly AcceptedLoss[]): Promise<void> {
  await unlessReadOnly(keep(fileIn(dir), { marks: { ...marks }, accepted: [...accepted] }));
}

/** A Job of a cluster has its folder from a Secret. Its durables know how far the log reached. */
async function unlessReadOnly(written: Promise<void>): Promise<void> {
  await written.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EROFS' && error.code !== 'EACCES') throw error;
  });
}

export type Keeping = {
  /** What was lost meanwhile. */
  lost(): readonly Damage[];
  /** Notes once more how far the log reaches. */
  stop(): Promise<void>;
};

const EVERY_MS = 1000;
/** A node that has just come to lead a stream may say less than it has, for a moment. */
const SURE_AFTER = 3;
const LEAVE_MS = 2000;

/** Notes how far the log reaches, again and again. What falls short of what was noted is told, once, and noted no more. */
export async function keepNoting(dir: string, inspection: Inspection, tell: (lost: readonly Damage[]) => void): Promise<Keeping> {
  const { accepted } = await keptIn(dir);
  let { marks } = await keptIn(dir);
  let lost: readonly Damage[] = [];
  let short = 0;
  let under: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const now = await inspection.marks();
    const found = notAccepted(await inspection.lost({ marks, claims: [], durables: new Map() }), accepted);
    short = found.length === 0 ? 0 : short + 1;
    if (short === SURE_AFTER) tell((lost = found));
    if (short > 0 || JSON.stringify(now) === JSON.stringify(marks)) return;
    marks = { ...marks, ...now };
    await note(dir, marks, accepted);
  };
  // A broker that is away is asked again.
  const once = (): Promise<void> =>
    (under ??= look()
      .catch(() => {})
      .finally(() => {
        under = undefined;
      }));
  const timer = setInterval(() => void once(), EVERY_MS).unref();
  return {
    lost: () => lost,
    stop: async () => {
      clearInterval(timer);
      // What was stored since the last look is noted, unless the broker is gone already.
      await Promise.race([Promise.resolve(under).then(once), delay(LEAVE_MS, undefined, { ref: false })]);
    },
  };
}
