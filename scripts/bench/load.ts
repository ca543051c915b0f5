/** The workflows of the benchmark and the load that is put on them: over HTTP, as a user would. */
import { Agent, request } from 'node:http';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';

const noop = (id: string, dependsOn: string[] = []): object => ({ id, uses: 'noop', with: { step: id }, dependsOn });

/** `count` steps in a row. */
export const inARow = (count: number): object => ({
  name: `row-${count}`,
  steps: Array.from({ length: count }, (_, i) => noop(`s${i + 1}`, i === 0 ? [] : [`s${i}`])),
  answer: { value: `= steps.s${count}` },
});

/** `count` steps at once, and one that aggregates them. */
export const atOnce = (count: number): object => {
  const ids = Array.from({ length: count }, (_, i) => `s${i + 1}`);
  return { name: `wide-${count}`, steps: [...ids.map((id) => noop(id)), noop('all', ids)], answer: { value: '= steps.all' } };
};

export type Client = { submit(workflow: object): Promise<Run>; close(): void };

/** A client that keeps its connections and waits for the result in the request itself. */
export function client(api: string, connections: number): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const send = (method: string, path: string, body?: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        prefer: 'wait=30',
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      };
      const sent = request(`${api}${path}`, { method, agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) >= 300) reject(new Error(`${response.statusCode} ${text.slice(0, 500)}`));
          else resolve(JSON.parse(text));
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    submit: async (workflow) => {
      let run = (await send('POST', '/v1/runs', JSON.stringify({ workflow, input: {} }))) as Run & Submitted;
      while (run.status === 'running' || run.status === 'requested') run = (await send('GET', `/v1/runs/${run.id}`)) as Run;
      if (run.status !== 'completed') throw new Error(`run ${run.id} ended ${run.status}: ${run.problem?.message}`);
      return run;
    },
    close: () => agent.destroy(),
  };
}

/** Latencies in ms of `count` runs, one at a time, sorted. */
export async function oneByOne({ submit }: Client, workflow: object, count: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const begin = performance.now();
    await submit(workflow);
    latencies.push(performance.now() - begin);
  }
  return latencies.sort((a, b) => a - b);
}

/** Runs per second with `loops` closed loops, over `count` runs in all. */
export async function manyAtOnce({ submit }: Client, workflow: object, loops: number, count: number): Promise<number> {
  let left = count;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: loops }, async () => {
      while (left-- > 0) await submit(workflow);
    }),
  );
  return (count * 1000) / (performance.now() - begin);
}

export const percentile = (sorted: readonly number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
