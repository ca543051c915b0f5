/** A cancel is a request; the closing of the run answers it. Another end may have been decided first. */
import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { theRun } from '@reel/contracts/address.ts';
import { cancelRequested } from '@reel/contracts/run.ts';
import { HttpProblem } from './problems.ts';
import { iso } from './time.ts';

type Asked = { readonly who: string; readonly why: string; readonly traceparent: string };
/** `changed: false` where the run was being cancelled before this request. */
export type Answer = { readonly changed: boolean; readonly detail: string };

/** How long to wait for the saga tracker before answering that the request is stored. */
const PATIENCE_MS = 5000;

/** Requests that a run is cancelled. @throws HttpProblem 409 when the run ends in another way */
export async function cancelRun(edge: Edge, shard: number, run: string, { who, why, traceparent }: Asked): Promise<Answer> {
  const closed = Promise.withResolvers<Entry | undefined>();
  const stop = edge.follow((entry) => {
    if (entry.at.run === run && entry.at.kind === 'run' && entry.at.slot === 'closing') closed.resolve(entry);
  });
  const timer = setTimeout(() => closed.resolve(undefined), PATIENCE_MS);
  try {
    const before = (await edge.history(shard, run)).occupant(theRun, 'closing');
    if (before !== undefined) return { changed: false, detail: `the cancellation was decided at ${cancelling(before)}: nothing changes` };
    await edge.publish(shard, run, cancelRequested(theRun, { who, why }), { traceparent });
    const closing = await closed.promise;
    if (closing === undefined) return { changed: true, detail: 'the request is stored; the run is not being cancelled yet' };
    cancelling(closing);
    return { changed: true, detail: 'the run is being cancelled, and its effects are undone' };
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** @returns when it was decided that the run is cancelled. @throws HttpProblem when another end was decided */
function cancelling(closing: Entry): string {
  const answer = isInvalid(closing) ? 'failing' : closing.type.split('.')[2];
  if (answer === 'cancelling') return iso(closing.time);
  throw new HttpProblem(
    409,
    'run-closing',
    'The run cannot be cancelled any more',
    `the run is ${answer}: that was decided at ${iso(closing.time)}, and nothing changes`,
  );
}
