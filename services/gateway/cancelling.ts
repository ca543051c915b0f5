/** A cancel is a request: the turn of the run says what became of it. Another end may have been decided first. */
import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { theRun } from '@reel/contracts/address.ts';
import { cancelRequested } from '@reel/contracts/run.ts';
import { HttpProblem } from './problems.ts';
import { iso } from './time.ts';

type Asked = { readonly who: string; readonly why: string; readonly traceparent: string };
/** `changed: false` where the run was being cancelled before this request. */
export type Answer = { readonly changed: boolean; readonly detail: string };

/** How long the saga tracker has for answering before the caller is told that the request is stored. */
const PATIENCE_MS = 5000;

/** Asks for a run to be cancelled. @throws HttpProblem 409 when the run ends otherwise */
export async function cancelRun(edge: Edge, shard: number, run: string, { who, why, traceparent }: Asked): Promise<Answer> {
  const turned = Promise.withResolvers<Entry | undefined>();
  const stop = edge.follow((entry) => {
    if (entry.at.run === run && entry.at.kind === 'run' && entry.at.slot === 'closing') turned.resolve(entry);
  });
  const timer = setTimeout(() => turned.resolve(undefined), PATIENCE_MS);
  try {
    const before = (await edge.history(shard, run)).occupant(theRun, 'closing');
    if (before !== undefined) return { changed: false, detail: `that was decided at ${cancelling(before)}: nothing changes` };
    await edge.publish(shard, run, cancelRequested(theRun, { who, why }), { traceparent });
    const turn = await turned.promise;
    if (turn === undefined) return { changed: true, detail: 'the request is stored; the run has not been stopped yet' };
    cancelling(turn);
    return { changed: true, detail: 'it is being stopped, and what it did is undone' };
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** @returns when it was decided that the run is cancelled. @throws HttpProblem when something else was decided */
function cancelling(turn: Entry): string {
  const answer = isInvalid(turn) ? 'failing' : turn.type.split('.')[2];
  if (answer === 'cancelling') return iso(turn.time);
  throw new HttpProblem(
    409,
    'run-closing',
    'It cannot be cancelled any more',
    `the run is ${answer}: that was decided at ${iso(turn.time)}, and nothing changes`,
  );
}
