/**
 * Looks after the broker of a local installation: how far the log was acknowledged is noted, what the broker complains of reaches a person,
 * and a disk that runs full is known before it is. A broker that has met a full disk stores nothing more until it is started again.
 */
import { statfs } from 'node:fs/promises';
import type { Ailment } from '@reel/bus/health.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { inWords } from '@reel/bus/jetstream/lost-end.ts';
import { inMb } from '@reel/bus/jetstream/storage-space.ts';
import { type Inspection, inspect } from '@reel/bus/operator/damage.ts';
import { streamsOf } from '@reel/bus/provisioning/permissions.ts';
import type { Role } from '@reel/bus/runtime/role.ts';
import { PROVISIONER } from '@reel/bus/runtime/role.ts';
import type { Logger } from '@reel/bus/service.ts';
import { type Installation, SHARDS } from './installation.ts';
import { type Keeping, keepNoting } from './losses.ts';

type CareOptions = { readonly roles: readonly Role[]; readonly nodes: number; readonly log: Logger };

export type Care = {
  /** What is the matter with the broker. */
  ailment(): Ailment | undefined;
  /** Hears a line of the broker's log. */
  hear(line: string): void;
  /** Begins to look, when the broker has its streams. @param restart starts the broker again in good order */
  begin(url: string, restart: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
};

const EVERY_MS = 500;
/** Below this much room on the disk, or this share of it if that is less, new runs are refused. */
const LOW_BYTES = 256 * 1024 * 1024;
const LOW_SHARE = 0.05;
/** Below this share of that, nothing more is stored: the broker writes more than facts, and needs room to end in good order. */
const FULL_SHARE = 0.2;

const COMPLAINT = /\[(WRN|ERR|FTL)\]/;
/** With these words it says that something could not be written, after which the stream takes no more, or that a record is no good. */
const NOT_WRITTEN = /no space left on device|critical write error|disk quota exceeded|file too large/i;
const DAMAGED = /corrupt|checksum|could not locate msg block|missing (stream|consumer) metafile/i;

/** @param nodes of the broker: a node of several that is behind says that it lacks what the others have, and is given it. */
export function openCare({ dir, credentials }: Installation, { roles, nodes, log }: CareOptions): Care {
  const isAlone = nodes === 1;
  let stopped = false;
  let begun = false;
  let damaged: string | undefined;
  let unwritten: string | undefined;
  let disk: Ailment | undefined;
  let keeping: Keeping | undefined;
  let inspection: Awaited<ReturnType<typeof opened>> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

  const opened = async (url: string): Promise<{ inspection: Inspection; close(): Promise<void> }> => {
    const connection = await connect({ servers: url, credentials }, PROVISIONER);
    return { inspection: await inspect(connection, streamsOf(roles, SHARDS), PROVISIONER), close: () => connection.close() };
  };

  async function look(restart: () => Promise<void>): Promise<void> {
    const before = disk;
    disk = await roomOf(dir);
    if (disk !== undefined && before?.stores !== disk.stores)
      log.error({ dir }, `${disk.why}: ${disk.stores ? 'new runs are refused' : 'nothing more is stored'}`);
    if (disk === undefined && before !== undefined) log.warn({ dir }, 'there is room on the disk of the broker again');
    if (unwritten === undefined || disk !== undefined) return;
    log.warn({ dir }, 'the broker has met a full disk, and is started again now that there is room');
    await restart();
    unwritten = undefined;
  }

  return {
    ailment: () => {
      if (unwritten !== undefined) return { why: `the disk of the broker is full (it says: ${unwritten})`, stores: false };
      if (disk !== undefined) return disk;
      if (!isAlone) return undefined;
      const lost = keeping?.lost()[0];
      if (lost !== undefined) return { why: `the log is damaged: ${inWords(lost)}`, stores: false };
      return damaged === undefined ? undefined : { why: `the log may be damaged (the broker says: ${damaged})`, stores: false };
    },
    hear: (line) => {
      if (!COMPLAINT.test(line)) return;
      const said = line.replace(/^\[\d+\] \S+ \S+ \[\w+\] /, '');
      if (NOT_WRITTEN.test(said)) unwritten ??= said;
      // What it says while it starts is held against what was acknowledged before anything is served.
      else if (begun && DAMAGED.test(said)) damaged ??= said;
      if (!stopped) log.warn({ broker: said }, 'the broker complains');
    },
    begin: async (url, restart) => {
      inspection = await opened(url);
      keeping = await keepNoting(dir, inspection.inspection, (lost) => {
        for (const one of lost) log.error({ dir }, `the log is damaged: ${inWords(one)}`);
      });
      disk = await roomOf(dir);
      begun = true;
      timer = setInterval(() => {
        looking ??= look(restart)
          .catch((error: Error) => log.error({ dir, error: error.message }, 'the broker cannot be looked after'))
          .finally(() => {
            looking = undefined;
          });
      }, EVERY_MS).unref();
    },
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await looking;
      await keeping?.stop();
      await inspection?.close();
    },
  };
}

/** The disk that a folder is on: all of it, and what the streams may grow by without making it almost full. */
export async function storeIn(dir: string): Promise<{ readonly bytes: number; readonly leftBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(dir);
  const bytes = blocks * bsize;
  return { bytes, leftBytes: Math.max(bavail * bsize - lowOf(bytes), 0) };
}

const lowOf = (diskBytes: number): number => Math.min(LOW_BYTES, diskBytes * LOW_SHARE);

/** How the disk stands that a folder is on; undefined while there is room. */
async function roomOf(dir: string): Promise<Ailment | undefined> {
  const { bavail, blocks, bsize } = await statfs(dir);
  const low = lowOf(blocks * bsize);
  const free = bavail * bsize;
  if (free >= low) return undefined;
  const full = free < low * FULL_SHARE;
  return { why: `the disk of the broker ${full ? 'is full' : 'is almost full'}: ${inMb(free)} are left in ${dir}`, stores: !full };
}
