/** `npm run bench`: latency, throughput and cost of governed runs over HTTP, beside the ceiling of the bare broker, in one run. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { write } from '@reel/bus/process/terminal.ts';
import { ceiling } from '@reel/bus/testing/bare-jetstream.ts';
import { startServer } from '@reel/nats/server.ts';
import { atOnce, client, inARow, manyAtOnce, oneByOne, percentile } from './load.ts';
import { show as recover } from './recover.ts';
import type { Ready } from './system.ts';

const quick = process.argv.includes('--quick');
const WORKFLOWS = [
  ['W1', inARow(3), 3],
  ['W2', inARow(10), 10],
  ['W3', atOnce(10), 11],
] as const;
const LOOPS = 64;

type Checked = { runs: number; findings: string[]; facts: number; storedBytes: number };

type System = {
  ready: Ready;
  child: ChildProcess;
  checked(): Promise<Checked>;
  stop(): Promise<void>;
};

/** The system under test is a process of its own: the load does not share its event loop. */
async function startSystem(dir: string, syncInterval: string): Promise<System> {
  const child = fork(join(import.meta.dirname, 'system.ts'), [dir, syncInterval], { stdio: 'inherit' });
  const [ready] = (await once(child, 'message')) as [Ready];
  return {
    ready,
    child,
    checked: async () => {
      child.send('check');
      return (await once(child, 'message'))[0] as Checked;
    },
    stop: async () => {
      child.send('stop');
      await once(child, 'exit');
    },
  };
}

type Usage = { cpuMs: number; peakMb: number };

/** CPU and peak memory of a process so far, from the kernel; zero where there is no /proc. */
async function usage(pid: number): Promise<Usage> {
  try {
    const stat = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    const peak = /VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return { cpuMs: (Number(stat[11]) + Number(stat[12])) * 10, peakMb: Number(peak) / 1024 };
  } catch {
    return { cpuMs: 0, peakMb: 0 };
  }
}

const text = (value: number, digits = 1): string => value.toFixed(digits);

async function measure(title: string, syncInterval: string, runs: number): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'reel-bench-'));
  const system = await startSystem(dir, syncInterval);
  const { api, natsPid } = system.ready;
  const one = client(api, 1);
  const many = client(api, LOOPS);
  write(`\n${title}\n        p50 ms  p95 ms  p99 ms    runs/s  steps/s  CPU ms/step (Reel + broker)\n`);
  for (const [, workflow] of WORKFLOWS) await manyAtOnce(many, workflow, LOOPS, runs);
  for (const [name, workflow, steps] of WORKFLOWS) {
    const latencies = await oneByOne(one, workflow, runs);
    const before = [await usage(system.child.pid as number), await usage(natsPid)] as const;
    const perSecond = await manyAtOnce(many, workflow, LOOPS, runs * 5);
    const after = [await usage(system.child.pid as number), await usage(natsPid)] as const;
    const cpu = after.map((use, i) => (use.cpuMs - (before[i] as Usage).cpuMs) / (runs * 5 * steps));
    const row = [0.5, 0.95, 0.99].map((p) => text(percentile(latencies, p)).padStart(8)).join('');
    write(
      `  ${name}  ${row}  ${text(perSecond, 0).padStart(8)} ${text(perSecond * steps, 0).padStart(8)}  ${text(cpu[0] as number, 2)} + ${text(cpu[1] as number, 2)}\n`,
    );
  }
  const [short, long] = [inARow(10), inARow(quick ? 200 : 1000)] as const;
  const longSteps = quick ? 200 : 1000;
  const perStep = async (workflow: object, steps: number, count: number): Promise<number> =>
    percentile(await oneByOne(one, workflow, count), 0.5) / steps;
  const costs = [await perStep(short, 10, 30), await perStep(long, longSteps, 3)] as const;
  write(
    `  per step: ${text(costs[0], 3)} ms in a run of 10, ${text(costs[1], 3)} ms in a run of ${longSteps}: ratio ${text(costs[1] / costs[0], 2)}\n`,
  );
  const peaks = [await usage(system.child.pid as number), await usage(natsPid)] as const;
  const check = await system.checked();
  const { runs: held, facts, storedBytes } = check;
  write(`  peak memory: Reel ${text(peaks[0].peakMb, 0)} MB, broker ${text(peaks[1].peakMb, 0)} MB\n`);
  write(
    `  protocol: ${check.runs} runs checked, ${check.findings.length} findings${check.findings.length === 0 ? '' : `\n    ${check.findings.slice(0, 10).join('\n    ')}`}\n`,
  );
  write(
    `  log: ${facts} facts, ${text(facts / held)} a run; on disk ${text(storedBytes / facts, 0)} bytes a fact, ${text(storedBytes / held / 1024)} KiB a run\n`,
  );
  if (check.findings.length > 0) process.exitCode = 1;
  one.close();
  many.close();
  await system.stop();
  await rm(dir, { recursive: true, force: true });
}

async function bare(syncInterval: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'reel-bare-'));
  const configFile = join(dir, 'nats.conf');
  await writeFile(configFile, `jetstream { sync_interval: "${syncInterval}" }\n`);
  const server = await startServer({ dataDir: join(dir, 'data'), configFile });
  const { factsPerSecond, hopMs } = await ceiling(server.url, LOOPS, 49, quick ? 200 : 1000);
  write(
    `\nCeiling, sync_interval ${syncInterval}: bare JetStream over 49 hops (W2's): ${text(factsPerSecond, 0)} facts/s, ${text(hopMs, 3)} ms a hop\n`,
  );
  await server.stop();
  await rm(dir, { recursive: true, force: true });
}

write('Reel benchmark: every step requested, judged by Cedar, performed, validated; every fact persisted. Submit to result over HTTP.\n');
await bare('2m');
await measure('Lazy fsync (sync_interval 2m), all services in one process', '2m', quick ? 40 : 200);
await bare('always');
await measure('On disk before acknowledged (sync_interval always)', 'always', quick ? 20 : 60);
await recover(quick ? 5 : 20);
