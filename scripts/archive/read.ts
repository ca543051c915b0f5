/** Reads an archive back: its volumes in order, one run, or everything; what is damaged is named. */
import type { ArchiveStore } from '@reel/bus/operator/archive-store.ts';
import { Indexed, isManifest, Manifest, manifestName, runsIn, type Stored, sha256, unpressed } from './format.ts';

/** A file of an archive is not what it was when it was written. */
export class Damaged extends Error {
  readonly file: string;
  constructor(shelf: ArchiveStore, file: string, why: string) {
    super(`${shelf.place}/${file} is damaged: ${why}`);
    this.file = file;
  }
}

/** What is known of an archive outside of it. */
export type Beside = {
  /** The newest volume that was written: if it were lost, no other would name it. */
  readonly newest?: Newest | undefined;
  /** What the log has lost with consent. */
  accepted(): Promise<readonly Accepted[]>;
  note(newest: Newest): Promise<void>;
};
/** `last`: the positions up to `to` that come after it were used again. */
export type Accepted = {
  readonly stream: string;
  readonly to: number;
  readonly acceptedAt: string;
  readonly last?: number | undefined;
};
export type Newest = { readonly volume: number; readonly sha256: string };

export type Archive = ArchiveStore & { readonly beside?: Beside };

export type Volume = { readonly manifest: Manifest; readonly sha256: string };

/** What is to become of damage: who only reads goes on with the rest, and names it. */
type Tell = (damaged: Damaged) => void;
const refuse: Tell = (damaged) => {
  throw damaged;
};

/**
 * The manifests of an archive, the oldest first; one is damaged that is missing, unreadable, or not the one that the next names.
 * @param tell what is damaged. @throws Damaged where nothing else is said.
 */
export async function volumesOf(shelf: ArchiveStore, tell: Tell = refuse): Promise<Volume[]> {
  const names = ((await shelf.names()) ?? []).filter(isManifest).sort();
  const volumes: Volume[] = [];
  let last: { readonly volume: number; readonly sha256?: string } = { volume: 0, sha256: '' };
  for (const name of names) {
    const text = (await shelf.read(name)).toString();
    const manifest = manifestIn(shelf, name, text);
    const volume = Number.parseInt(name, 10);
    const digest = sha256(text);
    for (let missing = last.volume + 1; missing < volume; missing += 1)
      tell(new Damaged(shelf, manifestName(missing), `it is missing, and ${name} is there`));
    const isNext = volume === last.volume + 1;
    if (manifest instanceof Damaged) tell(manifest);
    else if (manifest.volume !== volume) tell(new Damaged(shelf, name, `it is the manifest of volume ${manifest.volume}`));
    else {
      const before = manifest.previous?.sha256 ?? '';
      if (isNext && last.sha256 !== undefined && before !== last.sha256)
        tell(new Damaged(shelf, manifestName(volume - 1), `${name} follows one with the SHA-256 ${before}, and it has ${last.sha256}`));
      volumes.push({ manifest, sha256: digest });
    }
    last = manifest instanceof Damaged ? { volume } : { volume, sha256: digest };
  }
  return volumes;
}

/** Volumes at the end of an archive that were written and are not there, or not as they were written. */
export function lostEnd({ beside, ...shelf }: Archive, volumes: readonly Volume[]): Damaged[] {
  const { newest } = beside ?? {};
  if (newest === undefined) return [];
  const found: Damaged[] = [];
  const same = volumes.find(({ manifest }) => manifest.volume === newest.volume);
  if (same !== undefined && same.sha256 !== newest.sha256)
    found.push(new Damaged(shelf, manifestName(newest.volume), `it was written with the SHA-256 ${newest.sha256}, and has ${same.sha256}`));
  for (let missing = (volumes.at(-1)?.manifest.volume ?? 0) + 1; missing <= newest.volume; missing += 1)
    found.push(new Damaged(shelf, manifestName(missing), `it is missing, and ${newest.volume} volumes were written`));
  return found;
}

/**
 * What an archive has of a shard's positions from one on: when each was stored, ms since the epoch. Where a position was used again after a
 * loss the archive has both of its messages, and what was archived later counts.
 */
export async function keptFrom(shelf: ArchiveStore, volumes: readonly Volume[], shard: number, from: number): Promise<Map<number, number>> {
  const kept = new Map<number, number>();
  for (const volume of volumes) {
    if ((volume.manifest.shards.find((one) => one.shard === shard)?.last ?? 0) < from) continue;
    for await (const stored of runsOf(shelf, volume))
      if (stored.shard === shard) for (const { seq, time } of stored.raws) if (seq >= from) kept.set(seq, time);
  }
  return kept;
}

function manifestIn(shelf: ArchiveStore, name: string, text: string): Manifest | Damaged {
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (error) {
    return new Damaged(shelf, name, `it is no manifest of this version (${(error as Error).message.slice(0, 200)})`);
  }
}

/** A file, when it is what its manifest says. @throws Damaged */
async function sound(shelf: ArchiveStore, { name, bytes, sha256: wanted }: Manifest['factsFile']): Promise<Buffer> {
  const content = await shelf.read(name).catch((error: Error) => {
    throw new Damaged(shelf, name, `it cannot be read (${error.message})`);
  });
  const got = sha256(content);
  if (got !== wanted)
    throw new Damaged(shelf, name, `it has the SHA-256 ${got} and ${content.length} bytes, and was written with ${wanted} and ${bytes}`);
  return content;
}

/** The runs of a volume and where they stand in it. @throws Damaged */
export async function indexOf(shelf: ArchiveStore, { manifest }: Volume): Promise<Indexed[]> {
  const text = unpressed(await sound(shelf, manifest.indexFile));
  const index = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Indexed.parse(JSON.parse(line)));
  const [runs, facts] = [index.filter(({ of }) => of === 'run').length, index.reduce((sum, one) => sum + one.facts, 0)];
  if (runs !== manifest.runs || facts !== manifest.facts) {
    const why = `it tells of ${manifest.runs} runs and ${manifest.facts} facts, and its volume has ${runs} and ${facts}`;
    throw new Damaged(shelf, manifestName(manifest.volume), why);
  }
  return index;
}

/** Everything of a volume, block by block. @throws Damaged */
export async function* runsOf(shelf: ArchiveStore, volume: Volume): AsyncGenerator<Stored> {
  const index = await indexOf(shelf, volume);
  const content = await sound(shelf, volume.manifest.factsFile);
  let done = -1;
  for (const { offset, length } of index) {
    if (offset <= done) continue;
    done = offset;
    yield* runsIn(unpressed(content.subarray(offset, offset + length)));
  }
}

/**
 * One run, with what came when the rest of it was archived already; undefined when it is not there.
 * @param tell what is damaged, where some of it may have stood.
 */
export async function runFrom(shelf: Archive, run: string, tell: Tell): Promise<Stored | undefined> {
  let whole: Stored | undefined;
  const volumes = await volumesOf(shelf, tell);
  for (const damaged of lostEnd(shelf, volumes)) tell(damaged);
  for (const volume of volumes) {
    try {
      for (const part of await partsOf(shelf, volume, run)) whole = joined(whole, part);
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
      tell(error);
    }
  }
  return whole;
}

async function partsOf(shelf: ArchiveStore, volume: Volume, run: string): Promise<Stored[]> {
  const found = (await indexOf(shelf, volume)).filter((one) => one.run === run);
  if (found.length === 0) return [];
  const content = await sound(shelf, volume.manifest.factsFile);
  return found.flatMap(({ offset, length }) =>
    runsIn(unpressed(content.subarray(offset, offset + length))).filter((one) => one.run === run),
  );
}

/**
 * Two parts of a run as one, in the order in which they were stored. After a loss the log has used positions again, and the archive has what
 * stood there before as well: a message is known by its position and its time.
 */
export function joined(whole: Stored | undefined, part: Stored): Stored {
  if (whole === undefined) return part;
  const known = new Set(whole.raws.map(({ seq, time }) => `${seq} ${time}`));
  const raws = [...whole.raws, ...part.raws.filter(({ seq, time }) => !known.has(`${seq} ${time}`))];
  raws.sort((a, b) => a.time - b.time || a.seq - b.seq);
  return { ...whole, raws, blobs: new Map([...whole.blobs, ...part.blobs]) };
}
