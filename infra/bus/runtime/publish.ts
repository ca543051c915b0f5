/** Saying: every fact goes out write-once, in order, as often as it takes until it is known to stand or to have lost. */
import { type Address, addressOf } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import type { Published } from '../edge.ts';
import type { Entry } from '../history.ts';
import { isInvalid } from '../history.ts';
import type { Log } from '../log.ts';
import type { Answers } from '../service.ts';
import { digestOf } from './digest.ts';
import { encode } from './envelope-codec.ts';
import { pack } from './large-values.ts';

/** Who says it, about which run, in answer to what. */
export type PublishContext = {
  readonly source: string;
  readonly shard: number;
  readonly run: string;
  readonly cause?: Address | undefined;
  readonly traceparent?: string | undefined;
  /** It comes from outside, as people's words do: its cause does not settle what it says, so only equal words are the same fact. */
  readonly fromOutside?: true;
};

/**
 * Looks whether a draft can be said, before anything is said for its sake: what it is, and how large it is with all that is said around it.
 * @throws Fatal as `sayOne` does.
 */
export function checkPublishable(draft: Draft, { source, shard, run, cause, traceparent }: PublishContext): void {
  pack(encode(draft, { shard, run, ...draft.at, slot: draft.slot }, source, cause, traceparent, 0));
}

/**
 * Says one fact. What stands there with the same cause, from the same source, counts as said: it was, by an earlier delivery. Of what comes
 * from outside, the content has to be the same as well.
 */
export async function publishOne(log: Log, voice: PublishContext, draft: Draft): Promise<Published> {
  const parts = { shard: voice.shard, run: voice.run, ...draft.at, slot: draft.slot };
  const fact = encode(draft, parts, voice.source, voice.cause, voice.traceparent, log.now());
  const put = await log.put(fact);
  if (put !== 'taken') return { published: true, seq: put.seq };
  const occupant = await occupantOf(log, addressOf(parts));
  const mine =
    !isInvalid(occupant) && occupant.source === voice.source && occupant.cause === fact.causationid && occupant.type === fact.type;
  // A handler's answer follows from its cause. What comes from outside does not, and what begins something has none: there the content decides.
  const byContent = voice.fromOutside === true || voice.cause === undefined;
  if (mine && byContent && digestOf(occupant.data) !== digestOf(fact.data)) return { published: false, occupant };
  return mine ? { published: true, seq: occupant.seq } : { published: false, occupant };
}

/** The occupant of a slot that is known to be taken: reads until it can be seen, for a new leader may be a moment behind. */
export async function occupantOf(log: Log, address: Address): Promise<Entry> {
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 250)) {
    const occupant = await log.occupant(address);
    if (occupant !== undefined) return occupant;
    await log.pause(waitMs);
  }
}

/**
 * Says an answer. The first fact decides whether this answer is the one that counts: if another cause was faster, the rest is
 * dropped. The others follow in order without waiting for each other, since they do not compete.
 */
export async function publish(log: Log, voice: PublishContext, answer: Answers): Promise<void> {
  const [first, ...rest] = answer;
  if (first === undefined) return;
  const one = (what: Answers[number]): Promise<{ published: boolean }> =>
    'timer' in what
      ? log.setTimer(voice.shard, voice.run, what.timer, what.atMs).then(() => ({ published: true }))
      : publishOne(log, voice, what);
  if (!(await one(first)).published) return;
  await Promise.all(rest.map(one));
}
