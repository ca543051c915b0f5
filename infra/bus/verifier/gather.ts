/** Facts, as they come in the order of the log, gathered into runs. What is kept in memory are the runs that are open, and a few that ended. */
import { parseAddress } from '@reel/contracts/address.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { append, type Entry, emptyRunLog, isInvalid } from '../history.ts';
import type { Raw } from '../log.ts';
import { decode } from '../runtime/envelope-codec.ts';
import type { LoadBlob } from '../runtime/large-values.ts';
import { whole } from '../runtime/whole.ts';

/**
 * `over`: it has ended, and little will come after. `open`: the log ended before it did. `claim`: a key that names a run. `stray`: facts of
 * a run that began before, or was handed on already; they are not kept; a caller that needs them reads that run.
 */
export type Gathered = {
  readonly state: 'over' | 'open' | 'claim' | 'stray';
  readonly shard: number;
  readonly run: string;
  readonly raws: readonly Raw[];
};

/** Most of what comes after the end of a run comes before so many others have ended. */
const LINGERING = 256;

const REQUEST = '.run.run.1.request';
const OUTCOME = '.run.run.1.outcome';
const CLAIM = '.claim.';

/** @param lingering how many runs that have ended are kept for what may yet come. */
export async function* gathered(raws: AsyncIterable<Raw>, lingering = LINGERING): AsyncGenerator<Gathered> {
  type Run = { readonly shard: number; readonly run: string; readonly raws: Raw[] };
  const open = new Map<string, Run>();
  const ended = new Map<string, Run>();
  const strays = new Map<string, Run>();
  for await (const raw of raws) {
    const [, shard, run = ''] = raw.subject.split('.', 3);
    const known = open.get(run) ?? ended.get(run);
    const from = { shard: Number(shard), run, raws: [raw] };
    if (known !== undefined) known.raws.push(raw);
    else if (raw.subject.includes(CLAIM)) yield { ...from, state: 'claim' };
    else if (raw.subject.endsWith(REQUEST)) open.set(run, from);
    else strays.set(run, { ...from, raws: [] });
    if (known === undefined || !raw.subject.endsWith(OUTCOME)) continue;
    open.delete(run);
    ended.set(run, known);
    if (ended.size <= lingering) continue;
    const [oldest] = ended.values();
    if (oldest === undefined) continue;
    ended.delete(oldest.run);
    yield { ...oldest, state: 'over' };
  }
  for (const run of ended.values()) yield { ...run, state: 'over' };
  for (const run of open.values()) yield { ...run, state: 'open' };
  for (const run of strays.values()) yield { ...run, state: 'stray' };
}

/** The entries that these messages are; a slot that was written twice is among them twice. @throws LogUnavailable as `whole` does. */
export async function entriesOf(raws: readonly Raw[], blob: LoadBlob): Promise<Entry[]> {
  const at = parseAddress(raws[0]?.subject ?? '');
  const log = emptyRunLog(at?.shard ?? 0, at?.run ?? '');
  const twice: Entry[] = [];
  for (const raw of raws) {
    const { subject, seq, time, suspicious } = raw;
    const entry = decode(subject, (await whole(raw, blob, Date.now())).body, seq, time, suspicious);
    if (entry === undefined) continue;
    if (log.byAddress.has(subject)) twice.push(entry);
    else append(log, entry, isInvalid(entry) ? [] : definitionOf(entry.type)?.after);
  }
  return twice.length === 0 ? log.entries : [...log.entries, ...twice].sort((a, b) => a.seq - b.seq);
}
