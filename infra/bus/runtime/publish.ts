/** Publishing: every fact is stored write-once and in order, and retried until it is known to be stored or to have lost its slot. */
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

/** Which service publishes, about which run, in answer to which fact. */
export type PublishContext = {
  readonly source: string;
  readonly shard: number;
  readonly run: string;
  readonly cause?: Address | undefined;
  readonly traceparent?: string | undefined;
  /** It comes from outside, such as a vote. Its content does not follow from its cause, so only equal content is the same fact. */
  readonly fromOutside?: true;
};

/**
 * Checks that a draft can be published: its content, and its size with the envelope around it.
 * @throws Fatal as `publishOne` does.
 */
export function checkPublishable(draft: Draft, { source, shard, run, cause, traceparent }: PublishContext): void {
  pack(encode(draft, { shard, run, ...draft.at, slot: draft.slot }, source, cause, traceparent, 0));
}

/**
 * Publishes one fact. An occupant with the same cause from the same source counts as this fact: an earlier delivery published it. For a
 * fact from outside, the content must be the same as well.
 */
export async function publishOne(log: Log, context: PublishContext, draft: Draft): Promise<Published> {
  const parts = { shard: context.shard, run: context.run, ...draft.at, slot: draft.slot };
  const fact = encode(draft, parts, context.source, context.cause, context.traceparent, log.now());
  const put = await log.put(fact);
  if (put !== 'taken') return { published: true, seq: put.seq };
  const occupant = await occupantOf(log, addressOf(parts));
  const mine =
    !isInvalid(occupant) && occupant.source === context.source && occupant.cause === fact.causationid && occupant.type === fact.type;
  // A handler's answer follows from its cause. For a fact from outside, or without a cause, the content decides.
  const byContent = context.fromOutside === true || context.cause === undefined;
  if (mine && byContent && digestOf(occupant.data) !== digestOf(fact.data)) return { published: false, occupant };
  return mine ? { published: true, seq: occupant.seq } : { published: false, occupant };
}

/** The occupant of a slot that is known to be taken. It reads until the occupant is visible: a new leader may lag for a moment. */
export async function occupantOf(log: Log, address: Address): Promise<Entry> {
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 250)) {
    const occupant = await log.occupant(address);
    if (occupant !== undefined) return occupant;
    await log.pause(waitMs);
  }
}

/**
 * Publishes the answer of a handler. If its first fact loses the slot to another cause, the rest is dropped. The other facts follow in
 * order without waiting for each other, since they do not compete.
 */
export async function publish(log: Log, context: PublishContext, answer: Answers): Promise<void> {
  const [first, ...rest] = answer;
  if (first === undefined) return;
  const one = (what: Answers[number]): Promise<{ published: boolean }> =>
    'timer' in what
      ? log.setTimer(context.shard, context.run, what.timer, what.atMs).then(() => ({ published: true }))
      : publishOne(log, context, what);
  if (!(await one(first)).published) return;
  await Promise.all(rest.map(one));
}
