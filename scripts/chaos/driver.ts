/** The clients and people of chaos: submits runs under keys, cancels some, decides approvals, and waits for the end of each run. */
import { setTimeout as delay } from 'node:timers/promises';
import { randomFor } from '@reel/bus/simulator/random.ts';
import { ASKED } from '@reel/contracts/address.ts';
import type { ApprovalPage, Run, RunStatus, Submitted } from '@reel/gateway/shapes.ts';
import { filled } from '../demo/person.ts';
import type { Client } from './client.ts';
import type { Desk } from './desk.ts';
import { type Errand, errand } from './workload.ts';

/** The named states that a run can end in. */
export const FINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'exhausted', 'stranded'] satisfies RunStatus[]);

/** What was asked for; `id` as soon as it was acknowledged, `status` once it has ended. */
export type Asked = { readonly n: number; readonly errand: Errand; readonly beganMs: number; id?: string; status?: string };

export type Load = {
  readonly asked: readonly Asked[];
  /** Findings: refusals, and a key that named two runs. */
  readonly complaints: readonly string[];
  /** Resolves when so many have been asked for, or when the time is up. */
  enough(runs: number, ms: number): Promise<void>;
  /** Asks for no more; resolves when all have ended. */
  stop(): Promise<void>;
};

type Means = { readonly client: Client; readonly desk: Desk; readonly seed: number; readonly inFlight: number; readonly world: World };
/** What a person finds in the demo's world who looks for a key. */
export type World = (key: string) => object | undefined;

export function startLoad(means: Means): Load {
  const { client, seed, inFlight } = means;
  const asked: Asked[] = [];
  const complaints: string[] = [];
  const forgotten = new Set<string>();
  const counting = Promise.withResolvers<void>();
  let wanted = Number.POSITIVE_INFINITY;
  let going = true;

  async function one(): Promise<void> {
    const n = asked.length;
    const chance = randomFor(seed, `run ${n}`);
    const it: Asked = { n, errand: errand(n, chance), beganMs: Date.now() };
    asked.push(it);
    if (asked.length >= wanted) counting.resolve();
    const { body, cancelAfterMs } = it.errand;
    const headers = { 'idempotency-key': `chaos-${seed}-${n}`, prefer: 'wait=5' };
    for (let cancelled = false; ; ) {
      const waits = cancelAfterMs !== undefined && !cancelled ? { ...headers, prefer: 'wait=0' } : headers;
      const { status, body: told } = await client.ask<Run | Submitted>('POST', '/v1/runs', body, waits);
      if (status >= 300) {
        complaints.push(`${it.errand.name} ${n}: ${status} ${JSON.stringify(told)}`);
        it.status = 'refused';
        return;
      }
      if (it.id !== undefined && it.id !== told.id)
        complaints.push(`${it.errand.name} ${n} is ${it.id}, and then ${told.id} under the same key`);
      it.id = told.id;
      if (it.errand.forgotten) forgotten.add(told.id);
      if (FINAL.has(told.status)) {
        it.status = told.status;
        return;
      }
      if (cancelAfterMs === undefined || cancelled) continue;
      cancelled = true;
      await delay(cancelAfterMs);
      await client.ask('POST', `/v1/runs/${told.id}/cancel`, { who: 'chaos', why: 'it was to be' });
    }
  }
  const failed = (error: unknown): void => {
    if (going || !(error instanceof Error && error.name === 'AbortError')) complaints.push(String(error));
  };
  const lanes = Array.from({ length: inFlight }, async () => {
    while (going) await one();
  }).map((lane) => lane.catch(failed));
  const over = Promise.all(lanes);
  let ended = false;
  const people = answerPeople(means, forgotten, () => ended).catch(failed);
  return {
    asked,
    complaints,
    enough: async (runs, ms) => {
      wanted = runs;
      const timer = setTimeout(counting.resolve, ms);
      await counting.promise;
      clearTimeout(timer);
    },
    stop: async () => {
      going = false;
      await over;
      ended = true;
      await people;
    },
  };
}

/** How often people look whether something waits for them. */
const LOOK_MS = 300;

/** Decides everything that is held until chaos is over. A person who is asked about an effect in doubt looks for it. */
async function answerPeople({ client, desk, world }: Means, forgotten: ReadonlySet<string>, over: () => boolean): Promise<void> {
  while (!over()) {
    const { body } = await client.ask<ApprovalPage>('GET', '/v1/approvals');
    for (const { id, run, kind, step, form, arguments: given } of body.approvals ?? []) {
      // A forgotten run may still have left effects behind.
      if (forgotten.has(run) && kind !== ASKED) continue;
      const said =
        kind === ASKED || step.includes('-escalation-') ? escalated(given as Partial<Question>, run, desk, world) : filled(form ?? {});
      const vote = { decision: 'grant', who: 'olga', why: 'I looked', ...(form === undefined ? {} : { form: said }) };
      await client.ask('POST', `/v1/approvals/${id}`, vote);
    }
    await delay(LOOK_MS);
  }
}

type Question = { attempt: { kind: string; id: string; n: number }; unknown: boolean };

/** What is said of a step that has failed for good: of what may have happened, what was found; anything else is tried again. */
function escalated({ attempt, unknown }: Partial<Question>, run: string, desk: Desk, world: World): object {
  if (unknown !== true || attempt === undefined) return attempt !== undefined && attempt.n > 6 ? { action: 'end' } : { action: 'retry' };
  const key = `${run}.${attempt.kind}.${attempt.id}`;
  const found = world(key) ?? desk.look(key);
  return found === undefined ? { action: 'retry' } : { action: 'supply', result: found };
}
