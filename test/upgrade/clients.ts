/** A gateway that comes and goes, as its clients live with it: what is asked for again under the same key happens once. */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Run, RunSummary } from '@reel/gateway/shapes.ts';

/** How soon a client asks again, and after how long it gives up, ms. */
const AGAIN_MS = 50;
const PATIENCE_MS = 60_000;
/** What tells a client to ask again: it was not reached, or cut off, or was told that the end was waited for in vain, or to try later. */
const AGAIN = new Set([202, 429, 503]);

/** Submits a workflow and waits for the end of its run, asking again under one key for as long as it takes. */
export async function finish(api: string, workflow: object, more: Record<string, string> = {}): Promise<Run> {
  const headers = { 'content-type': 'application/json', prefer: 'wait=30', 'idempotency-key': randomUUID(), ...more };
  const body = JSON.stringify({ workflow, input: {} });
  for (const begun = performance.now(); ; await setTimeout(AGAIN_MS)) {
    let cut: unknown;
    const answer = await fetch(`${api}/v1/runs`, { method: 'POST', headers, body })
      .then(async (response) => ({ status: response.status, text: await response.text() }))
      .catch((error: Error) => void (cut = error.cause ?? error));
    if (answer?.status === 200) return JSON.parse(answer.text) as Run;
    const isOver = performance.now() - begun > PATIENCE_MS;
    if (isOver || (answer !== undefined && !AGAIN.has(answer.status))) throw new Error(`${answer?.status} ${answer?.text ?? String(cut)}`);
  }
}

/** The ids of all runs that the gateway lists. */
export async function listed(api: string): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = ''; ; ) {
    const response = await fetch(`${api}/v1/runs?limit=500${cursor}`);
    const { runs, next } = (await response.json()) as { runs: RunSummary[]; next?: string };
    ids.push(...runs.map(({ id }) => id));
    if (next === undefined) return ids;
    cursor = `&cursor=${next}`;
  }
}
