/** Reads an archive back: its volumes in order, one run, or everything; what is damaged is named. */
import type { Shelf } from '@reel/bus/shelf.ts';
import { Indexed, isManifest, Manifest, manifestName, runsIn, type Stored, sha256, unpressed } from './archive-format.ts';

/** A file of an archive is not what it was when it was written. */
export class Damaged extends Error {
  readonly file: string;
  constructor(shelf: Shelf, file: string, why: string) {
    super(`${shelf.place}/${file} is damaged: ${why}`);
    this.file = file;
  }
}

export type Volume = { readonly manifest: Manifest; readonly sha256: string };

/** The manifests of an archive, the oldest first. @throws Damaged when one is missing, unreadable, or not the one that the next names. */
export async function volumesOf(shelf: Shelf): Promise<Volume[]> {
  const names = ((await shelf.names()) ?? []).filter(isManifest).sort();
  const volumes: Volume[] = [];
  for (const name of names) {
    const text = (await shelf.read(name)).toString();
    const last = volumes.at(-1);
    const manifest = manifestIn(shelf, name, text);
    const follows = (last?.manifest.volume ?? 0) + 1;
    if (manifest.volume !== follows || name !== manifestName(follows))
      throw new Damaged(shelf, manifestName(follows), `it is missing, and ${name} is there`);
    if ((manifest.previous?.sha256 ?? '') !== (last?.sha256 ?? ''))
      throw new Damaged(
        shelf,
        manifestName(manifest.volume - 1),
        `${name} follows one with the SHA-256 ${manifest.previous?.sha256}, and it has ${last?.sha256}`,
      );
    volumes.push({ manifest, sha256: sha256(text) });
  }
  return volumes;
}

function manifestIn(shelf: Shelf, name: string, text: string): Manifest {
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (error) {
    throw new Damaged(shelf, name, `it is no manifest of this version (${(error as Error).message.slice(0, 200)})`);
  }
}

/** A file, when it is what its manifest says. @throws Damaged */
async function sound(shelf: Shelf, { name, bytes, sha256: wanted }: Manifest['factsFile']): Promise<Buffer> {
  const content = await shelf.read(name).catch((error: Error) => {
    throw new Damaged(shelf, name, `it cannot be read (${error.message})`);
  });
  const got = sha256(content);
  if (got !== wanted)
    throw new Damaged(shelf, name, `it has the SHA-256 ${got} and ${content.length} bytes, and was written with ${wanted} and ${bytes}`);
  return content;
}

/** The runs of a volume and where they stand in it. @throws Damaged */
export async function indexOf(shelf: Shelf, { manifest }: Volume): Promise<Indexed[]> {
  const text = unpressed(await sound(shelf, manifest.indexFile));
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Indexed.parse(JSON.parse(line)));
}

/** Everything of a volume, block by block. @throws Damaged */
export async function* runsOf(shelf: Shelf, volume: Volume): AsyncGenerator<Stored> {
  const index = await indexOf(shelf, volume);
  const content = await sound(shelf, volume.manifest.factsFile);
  let done = -1;
  for (const { offset, length } of index) {
    if (offset <= done) continue;
    done = offset;
    yield* runsIn(unpressed(content.subarray(offset, offset + length)));
  }
}

/** One run, with what came when the rest of it was archived already; undefined when it is not there. @throws Damaged */
export async function runFrom(shelf: Shelf, run: string): Promise<Stored | undefined> {
  let whole: Stored | undefined;
  for (const volume of await volumesOf(shelf)) {
    const found = (await indexOf(shelf, volume)).filter((one) => one.run === run);
    if (found.length === 0) continue;
    const content = await sound(shelf, volume.manifest.factsFile);
    for (const { offset, length } of found) {
      const part = runsIn(unpressed(content.subarray(offset, offset + length))).find((one) => one.run === run);
      if (part !== undefined) whole = joined(whole, part);
    }
  }
  return whole;
}

/** Two parts of a run as one. */
export function joined(whole: Stored | undefined, part: Stored): Stored {
  if (whole === undefined) return part;
  const known = new Set(whole.raws.map(({ seq }) => seq));
  const raws = [...whole.raws, ...part.raws.filter(({ seq }) => !known.has(seq))].sort((a, b) => a.seq - b.seq);
  return { ...whole, raws, blobs: new Map([...whole.blobs, ...part.blobs]) };
}
