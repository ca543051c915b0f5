/** Pages of the list of runs: the next one goes on after a place in their order, whatever has become of the run that stood there. */
import { HttpProblem } from './problems.ts';

type Placed = { readonly requestedMs: number; readonly id: string };

export const newestFirst = (a: Placed, b: Placed): number => b.requestedMs - a.requestedMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

/** What a page gives as `next`. */
export const cursorOf = ({ requestedMs, id }: Placed): string => `${requestedMs}.${id}`;

/** @throws HttpProblem when no page gave it */
export function placeIn(cursor: string): Placed {
  const [, requestedMs, id] = /^(\d{1,15})\.(.+)$/.exec(cursor) ?? [];
  if (id !== undefined) return { requestedMs: Number(requestedMs), id };
  throw new HttpProblem(400, 'no-such-cursor', 'There is no such page', `"${cursor}" is the \`next\` of no page`, [
    { path: 'query.cursor', message: 'has to be what a page gave as `next`' },
  ]);
}
