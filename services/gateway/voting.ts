/** Votes of people. Each vote has an address of its own, so a person may vote again after a vote that did not count. */
import { hash } from 'node:crypto';
import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { addressOf, type Parts, type Place } from '@reel/contracts/address.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { voteCast, voteDenied } from '@reel/contracts/vote.ts';

export type Vote = EventOf<'vote.request.cast'>['data'];

/** How long to wait for an answer, and the trace of the vote. */
type Waiting = { readonly patienceMs: number; readonly traceparent?: string | undefined };

/** A name as a token of an address: unique, and readable where possible. */
const voterToken = (who: string): string =>
  /^[A-Za-z0-9_-]{1,64}$/.test(who) ? who : `${who.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 40)}-${hash('sha256', who).slice(0, 12)}`;

/**
 * The address of a person's next vote: the first that is free, or that holds an equal vote without an answer. A vote that is sent again
 * is the same vote.
 */
export function placeOfVote(history: History, vote: Vote): Place {
  for (let n = 1; ; n += 1) {
    const place = { kind: 'vote', id: voterToken(vote.who), n };
    const cast = history.occupant(place, voteCast.slot);
    if (cast === undefined) return place;
    const answered = history.occupant(place, voteDenied.slot) !== undefined;
    if (!answered && !isInvalid(cast) && digestOf(cast.data) === digestOf(vote)) return place;
  }
}

/** Stores a vote at its place. If another replica has just filled the slot, the next one is used. */
export async function storeVote(
  edge: Edge,
  { shard, run }: Pick<Parts, 'shard' | 'run'>,
  vote: Vote,
  traceparent?: string,
): Promise<Place> {
  let place = placeOfVote(await edge.history(shard, run), vote);
  while (!(await edge.publish(shard, run, voteCast(place, vote), { cause: vote.question, traceparent })).published)
    place = { ...place, n: place.n + 1 };
  return place;
}

/** Casts a vote on what is held at `at`. @returns its address, and the ruling or the denial that answers it in time. */
export async function castVote(
  edge: Edge,
  at: Parts,
  vote: Vote,
  { patienceMs, traceparent }: Waiting,
): Promise<{ vote: string; answer: Entry | undefined }> {
  const answered = Promise.withResolvers<Entry | undefined>();
  let place: Place | undefined;
  // The answer to an equal, earlier vote may arrive before its address is known.
  const early: Entry[] = [];
  const onEntry = (entry: Entry): void => {
    if (entry.at.run !== at.run) return;
    if (place === undefined) {
      early.push(entry);
      return;
    }
    const isRuling = entry.at.slot === 'ruling' && entry.at.kind === at.kind && entry.at.id === at.id && entry.at.n === at.n;
    const isDenial = entry.at.kind === 'vote' && entry.at.slot === voteDenied.slot && entry.at.id === place.id && entry.at.n === place.n;
    if (isRuling || isDenial) answered.resolve(entry);
  };
  const unfollow = edge.follow(onEntry);
  const timer = setTimeout(() => answered.resolve(undefined), patienceMs);
  try {
    place = await storeVote(edge, at, vote, traceparent);
    for (const entry of early) onEntry(entry);
    return { vote: addressOf({ shard: at.shard, run: at.run, ...place, slot: voteCast.slot }), answer: await answered.promise };
  } finally {
    clearTimeout(timer);
    unfollow();
  }
}
