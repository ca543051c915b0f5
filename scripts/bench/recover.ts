/** How much longer a run takes when the performer of its third step of five gets SIGKILL during that step. */

import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { write } from '@reel/bus/process/terminal.ts';
import type { ToolList } from '@reel/gateway/shapes.ts';
import { SERVICES } from '@reel/services/main.ts';
import { type Local, startLocal } from '../local/local.ts';
import { until } from '../local/until.ts';
import { client, percentile } from './load.ts';

const STEPS = 5;
const VICTIM = 3;
/** So long after it has begun, half of its 200 ms. */
const MIDDLE_MS = 100;

const workflow = {
  name: 'recover',
  steps: Array.from({ length: STEPS }, (_, n) => ({
    id: `s${n + 1}`,
    uses: 'pause',
    with: { step: n + 1 },
    dependsOn: n === 0 ? [] : [`s${n}`],
  })),
};

/** Told by each step that it has begun, and in which process. */
type Watch = { readonly url: string; onBegin: (step: number, pid: number) => void; close(): Promise<void> };

async function openWatch(): Promise<Watch> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    watch.onBegin(Number(searchParams.get('step')), Number(searchParams.get('pid')));
    response.end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const watch: Watch = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    onBegin: () => {},
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return watch;
}

export type Recovery = {
  /** ms from submission to result without a kill, sorted. */
  readonly undisturbedMs: readonly number[];
  /** How many ms more than half of those it took, sorted. */
  readonly beyondMs: readonly number[];
  /** ms from the kill until the step was begun again, sorted. */
  readonly againMs: readonly number[];
};

/** @param replicas of the performer; where there is one, it is started again at once, and is another process until then. */
export async function recover(replicas: number, rounds: number): Promise<Recovery> {
  const dir = await mkdtemp(join(tmpdir(), 'reel-recover-'));
  const watch = await openWatch();
  await writeFile(join(dir, 'tools.json'), JSON.stringify({ modules: [join(import.meta.dirname, 'pause.ts')] }));
  const env = { REEL_PORT: '0', REEL_TOOLS: join(dir, 'tools.json'), REEL_BENCH_WATCH: watch.url };
  const local = await startLocal({ dir: join(dir, 'reel'), services: ['gateway'], env, logLevel: 'silent' });
  const one = client(local.api as string, 1);
  try {
    await local.spawn(SERVICES.filter((name) => name !== 'gateway' && name !== 'tool-executor'));
    const performers = new Map<number | undefined, ChildProcess>();
    const start = async (): Promise<void> => {
      const child = await local.spawn(['tool-executor']);
      performers.set(child.pid, child);
    };
    for (let n = 0; n < replicas; n += 1) await start();
    await offered(local);
    const timed = async (): Promise<number> => {
      const begin = performance.now();
      await one.submit(workflow);
      return performance.now() - begin;
    };
    const undisturbedMs: number[] = [];
    for (let n = 0; n < rounds; n += 1) undisturbedMs.push(await timed());
    undisturbedMs.sort((a, b) => a - b);
    const usualMs = percentile(undisturbedMs, 0.5);
    const beyondMs: number[] = [];
    const againMs: number[] = [];
    for (let n = 0; n < rounds; n += 1) {
      let again: Promise<void> | undefined;
      watch.onBegin = (step, pid) => {
        if (step !== VICTIM) return;
        watch.onBegin = () => {};
        setTimeout(() => {
          performers.get(pid)?.kill('SIGKILL');
          const killedMs = performance.now();
          watch.onBegin = () => {
            againMs.push(performance.now() - killedMs);
            watch.onBegin = () => {};
          };
          again = start();
        }, MIDDLE_MS);
      };
      beyondMs.push((await timed()) - usualMs);
      await again;
    }
    return { undisturbedMs, beyondMs: beyondMs.sort((a, b) => a - b), againMs: againMs.sort((a, b) => a - b) };
  } finally {
    one.close();
    await local.stop();
    await watch.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Resolves when the tool can be called. */
async function offered({ api }: Local): Promise<void> {
  await until(async () => ((await (await fetch(`${api}/v1/tools`)).json()) as ToolList).tools.length > 0);
}

if (import.meta.main) await show(Number(process.argv[2] ?? 10));

/** A step whose performer was killed goes on within a second, beyond the work itself. */
const AIM_MS = 1000;

/** Prints both cases, and fails where they are over the aim. */
export async function show(rounds: number): Promise<void> {
  write(`\nRecover: SIGKILL of the performer in the third of five steps of 200 ms; ms beyond the undisturbed run\n`);
  write('                              undisturbed ms     p50     p95     max   begun again after p50     max\n');
  for (const [title, replicas] of [
    ['another replica goes on', 2],
    ['the same one, started again', 1],
  ] as const) {
    const { undisturbedMs, beyondMs, againMs } = await recover(replicas, rounds);
    const cells = [percentile(beyondMs, 0.5), percentile(beyondMs, 0.95), beyondMs.at(-1) ?? Number.NaN];
    if ((cells[0] as number) > AIM_MS) process.exitCode = 1;
    const usual = percentile(undisturbedMs, 0.5).toFixed(0).padStart(14);
    const again = `${percentile(againMs, 0.5).toFixed(0).padStart(24)}${(againMs.at(-1) ?? Number.NaN).toFixed(0).padStart(8)}`;
    write(`  ${title.padEnd(28)}${usual}${cells.map((ms) => ms.toFixed(0).padStart(8)).join('')}${again}\n`);
  }
}
