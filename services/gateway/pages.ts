/** Pages of the list of runs. A cursor is a position in their order, and stays valid when the run there is gone. */
import { HttpProblem } from './problems.ts';

type Placed = { readonly requestedMs: number; readonly id: string };

export const newestFirst = (a: Placed, b: Placed): number => b.requestedMs - a.requestedMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

/** The `next` of a page that ends with this run. */
export const cursorOf = ({ requestedMs, id }: Placed): string => `${requestedMs}.${id}`;

/** @throws HttpProblem when the cursor is malformed */
export function placeIn(cursor: string): Placed {
  const [, requestedMs, id] = /^(\d{1,15})\.(.+)$/.exec(cursor) ?? [];
  if (id !== undefined) return { requestedMs: Number(requestedMs), id };
  throw new HttpProblem(400, 'no-such-cursor', 'Invalid cursor', `"${cursor}" is not the \`next\` of a page`, [
    { path: 'query.cursor', message: 'has to be the `next` of a page' },
  ]);
}
