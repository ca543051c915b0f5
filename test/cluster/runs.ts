/** Runs in flight: so many at a time, one after the other, until they are told to stop; and what became of each. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ProblemDetails, Run, RunStatus } from '@reel/gateway/shapes.ts';

const charge = { id: 'pay', uses: 'charge', compensate: { uses: 'refund', with: { charged: '= result.charged' } } };
/** One that is done, one that is undone, one that waits for the clock, one with a value that stands beside the log. */
const WORKFLOWS = [
  {
    name: 'done',
    steps: [
      { id: 'look', uses: 'look' },
      { ...charge, dependsOn: ['look'] },
      { id: 'after', uses: 'look', dependsOn: ['pay'] },
    ],
  },
  { name: 'undone', steps: [charge, { id: 'no', uses: 'refuse', dependsOn: ['pay'] }] },
  {
    name: 'timed',
    steps: [
      { id: 'again', uses: 'falter', retry: { attempts: 20, delayMs: 1000 } },
      { ...charge, dependsOn: ['again'] },
    ],
  },
  {
    name: 'large',
    steps: [
      { id: 'look', uses: 'picture' },
      { ...charge, dependsOn: ['look'] },
    ],
  },
] as const;
/** A run that waits for a person until its deadline. */
export const FORGOTTEN = {
  workflow: { name: 'forgotten', steps: [{ id: 'who', kind: 'person', prompt: 'Is anybody there?', form: { type: 'object' } }] },
  deadlineMs: 10_000,
} as const;
/** How each of them ends, whatever happens meanwhile. */
export const ENDS: { readonly [workflow: string]: string } = {
  done: 'completed',
  undone: 'failed',
  timed: 'completed',
  large: 'completed',
};

/** The named states that a run can end in. */
const FINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'exhausted', 'stranded'] satisfies RunStatus[]);

export type Accepted = {
  readonly id: string;
  readonly workflow: string;
  status: string;
  problem: string;
  readonly beginMs: number;
  endMs: number;
};

export type Load = {
  /** Every run that was accepted; `status` once it has ended. */
  readonly accepted: readonly Accepted[];
  /** Submissions that were not accepted: the gateway said so, by the status that it gave. */
  readonly refused: readonly string[];
  /** Resolves when so many more have ended. */
  more(count: number): Promise<void>;
  /** Begins no more; resolves when all that were accepted have ended. */
  stop(): Promise<void>;
};

export function startLoad(api: string, inFlight: number): Load {
  const accepted: Accepted[] = [];
  const refused: string[] = [];
  const waiting = new Set<{ left: number; resolve: () => void }>();
  let going = true;
  let next = 0;
  const ended = (): void => {
    for (const one of waiting) {
      one.left -= 1;
      if (one.left > 0) continue;
      waiting.delete(one);
      one.resolve();
    }
  };
  async function one(): Promise<void> {
    const workflow = WORKFLOWS[next++ % WORKFLOWS.length] as (typeof WORKFLOWS)[number];
    const beginMs = performance.now();
    // What is asked for again under its key is the same run, so a client need not know what became of a request.
    const key = `${beginMs}-${next}`;
    const asked = (): Promise<Answer> => request(api, 'POST', '/v1/runs', { workflow }, { 'idempotency-key': key, prefer: 'wait=30' });
    let response = await asked();
    while (response.status === 503) {
      await delay(response.retryAfterMs);
      response = await asked();
    }
    if (response.status >= 300) return void refused.push(`${response.status} ${response.body.title}`);
    const run: Accepted = { id: response.body.id, workflow: workflow.name, status: 'running', problem: '', beginMs, endMs: 0 };
    accepted.push(run);
    let { status, problem }: Answer['body'] = response.body;
    while (!FINAL.has(status)) {
      const again = await asked();
      if (again.status < 300) ({ status, problem } = again.body);
    }
    run.status = status;
    run.problem = JSON.stringify(problem);
    run.endMs = performance.now();
    ended();
  }
  const loops = Array.from({ length: inFlight }, async () => {
    while (going) await one();
  });
  return {
    accepted,
    refused,
    more: (count) => new Promise((resolve) => waiting.add({ left: count, resolve })),
    stop: async () => {
      going = false;
      await Promise.all(loops);
    },
  };
}

/** Requests a run. @returns its id */
export async function submit(api: string, body: object): Promise<string> {
  const { status, body: run } = await request(api, 'POST', '/v1/runs', body, {});
  if (status !== 201) throw new Error(`${status} ${run.title}`);
  return run.id;
}

/** The state in which a run ends, when it does. */
export async function endOf(api: string, run: string): Promise<string> {
  for (;;) {
    const { status, body } = await request(api, 'GET', `/v1/runs/${run}`, undefined, {});
    if (status === 200 && FINAL.has(body.status)) return body.status;
  }
}

type Answer = {
  readonly status: number;
  readonly retryAfterMs: number;
  readonly body: Pick<Run, 'id' | 'status' | 'problem'> & Pick<ProblemDetails, 'title'>;
};

async function request(
  api: string,
  method: string,
  path: string,
  body: object | undefined,
  headers: Record<string, string>,
): Promise<Answer> {
  const response = await fetch(`${api}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    retryAfterMs: Number(response.headers.get('retry-after')) * 1000,
    body: (await response.json()) as Answer['body'],
  };
}
