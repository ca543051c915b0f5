/** Writes volumes of an archive: as many as it takes, each complete before the next is begun. */

import type { Raw } from '@reel/bus/log.ts';
import type { ArchiveStore } from '@reel/bus/operator/archive-store.ts';
import { fileOf, type Indexed, linesOf, Manifest, manifestName, pressed, type Stored, sha256, VERSION } from './format.ts';

/** So many facts, or so many bytes, go into one volume: what is lost when archiving is killed, and what is in memory meanwhile. */
const VOLUME_FACTS = 100_000;
const VOLUME_BYTES = 64 * 1024 * 1024;
/** Runs are pressed together in blocks of so many characters; to read one of them, its block is read. */
const BLOCK_CHARACTERS = 512 * 1024;

export type Written = { volumes: number; runs: number; facts: number };

/** @param last the newest manifest that there is. */
export function openVolumes(shelf: ArchiveStore, last: { readonly manifest: Manifest; readonly sha256: string } | undefined) {
  const written: Written = { volumes: 0, runs: 0, facts: 0 };
  const resumes = new Map(last?.manifest.shards.map(({ shard, resume }) => [shard, resume]));
  let previous = last;
  let blocks: Buffer[] = [];
  let offset = 0;
  let block = '';
  let inBlock: Omit<Indexed, 'offset' | 'length'>[] = [];
  let index: Indexed[] = [];
  let facts = 0;

  function endBlock(): void {
    if (block === '') return;
    const bytes = pressed(block);
    index.push(...inBlock.map((one) => ({ ...one, offset, length: bytes.length })));
    blocks.push(bytes);
    offset += bytes.length;
    block = '';
    inBlock = [];
  }

  async function endVolume(): Promise<void> {
    endBlock();
    if (index.length === 0) return;
    const volume = (previous?.manifest.volume ?? 0) + 1;
    const content = { facts: Buffer.concat(blocks), index: pressed(index.map((one) => `${JSON.stringify(one)}\n`).join('')) };
    const manifest: Manifest = {
      format: 'reel-archive',
      version: VERSION,
      volume,
      createdAt: new Date().toISOString(),
      previous: previous === undefined ? null : { name: manifestName(previous.manifest.volume), sha256: previous.sha256 },
      ...extentOf(index, resumes),
      factsFile: fileOf(volume, 'facts', content.facts),
      indexFile: fileOf(volume, 'index', content.index),
    };
    await shelf.write(manifest.factsFile.name, content.facts);
    await shelf.write(manifest.indexFile.name, content.index);
    const text = `${JSON.stringify(Manifest.parse(manifest), null, 2)}\n`;
    await shelf.writeOnce(manifestName(volume), Buffer.from(text));
    previous = { manifest, sha256: sha256(text) };
    written.volumes += 1;
    written.runs += manifest.runs;
    written.facts += manifest.facts;
    blocks = [];
    offset = 0;
    index = [];
    facts = 0;
  }

  return {
    add: async (of: Indexed['of'], stored: Stored): Promise<void> => {
      const { run, shard, raws } = stored;
      const [first, end] = [raws[0] as Raw, raws.find(({ subject }) => subject.endsWith('.run.run.1.outcome')) ?? (raws.at(-1) as Raw)];
      const last = raws.at(-1) as Raw;
      inBlock.push({
        run,
        shard,
        of,
        facts: raws.length,
        first: first.seq,
        last: last.seq,
        requestedMs: first.time,
        endedMs: end.time,
        outcome: outcomeOf(end),
      });
      block += linesOf(stored);
      if (block.length > BLOCK_CHARACTERS) endBlock();
      facts += raws.length;
      if (facts >= VOLUME_FACTS || offset >= VOLUME_BYTES) await endVolume();
    },
    /** What has been read up to here is archived, or will be read again from these positions on. */
    end: async (resume: ReadonlyMap<number, number>): Promise<Written & { readonly newest: typeof previous }> => {
      for (const [shard, seq] of resume) resumes.set(shard, seq);
      await endVolume();
      return { ...written, newest: previous };
    },
  };
}

/** What a volume has, of whom and of when. */
function extentOf(
  index: readonly Indexed[],
  resumes: ReadonlyMap<number, number>,
): Pick<Manifest, 'runs' | 'facts' | 'from' | 'to' | 'shards'> {
  const shards = [...new Set([...index.map(({ shard }) => shard), ...resumes.keys()])].sort((a, b) => a - b);
  return {
    runs: index.filter(({ of }) => of === 'run').length,
    facts: index.reduce((sum, { facts }) => sum + facts, 0),
    from: new Date(least(index.map(({ requestedMs }) => requestedMs))).toISOString(),
    to: new Date(most(index.map(({ endedMs }) => endedMs))).toISOString(),
    shards: shards.map((shard) => {
      const mine = index.filter((one) => one.shard === shard);
      const first = mine.length === 0 ? 0 : least(mine.map((one) => one.first));
      return { shard, first, last: most(mine.map((one) => one.last)), resume: resumes.get(shard) ?? 1 };
    }),
  };
}

const least = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.min(a, b), Number.MAX_SAFE_INTEGER);
const most = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b), 0);

/** `completed`, `failed` …; nothing of what cannot be read. */
const outcomeOf = ({ body }: Raw): string => /"type":"run\.outcome\.([a-z-]+)"/.exec(body)?.[1] ?? '';
