/**
 * Services come and go under load: one after the other is stopped and started again, and an earlier version gives way to today's while
 * runs are under way. Nothing is lost, and no run stands still for long.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Entry } from '@reel/bus/history.ts';
import type { Run } from '@reel/gateway/shapes.ts';
import { SERVICES } from '@reel/services/main.ts';
import { type LocalReel, startReel } from './local-reel.ts';
import { giveModule, hasCommit, takeOut } from './old-version.ts';

const PACE_MS = 400;
const IN_FLIGHT = 50;
const step = (id: string, dependsOn: string[] = []): object => ({ id, uses: 'pace', with: { ms: PACE_MS, step: id }, dependsOn });
/** Some steps in a row, beside each other, and under a condition. */
const workflow = {
  name: 'paced',
  steps: [step('a'), step('b', ['a']), step('c', ['a']), { ...step('d', ['b', 'c']), when: "steps.b.step = 'b'" }],
  answer: { value: '= steps.d.step' },
};

let reel: LocalReel;
const modules = [join(import.meta.dirname, 'pace-tools.ts')];
/** Everything but the door, which stays open. */
const behind = SERVICES.filter((name) => name !== 'gateway');

/** The longest time between two facts of a run, ms. */
const stillness = (entries: readonly Entry[]): number =>
  Math.max(0, ...entries.slice(1).map(({ time }, index) => time - (entries[index] as Entry).time));

/** Keeps so many runs in flight until `work` is done. @returns all of them. */
async function underLoad(work: () => Promise<void>): Promise<Run[]> {
  let over = false;
  const ended: Run[] = [];
  const load = Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      do ended.push(await reel.finish(workflow));
      while (!over);
    }),
  );
  await Promise.race([load, work()]);
  over = true;
  await load;
  return ended;
}

/** Every run has come to its answer by the protocol. @returns the longest stillness of each, the longest first. */
async function checked(runs: readonly Run[]): Promise<number[]> {
  const still: number[] = [];
  for (const { id, status, answer, problem } of runs) {
    assert.deepEqual([status, answer], ['completed', 'd'], `${id}: ${JSON.stringify(problem)}`);
    const { entries, findings } = await reel.log(id);
    assert.deepEqual(findings, [], id);
    still.push(stillness(entries));
  }
  return still.sort((a, b) => b - a);
}

async function stopped(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await gone, [0, null], 'it finishes what it has begun, and leaves');
}

describe('a rolling restart under load', { timeout: 200_000 }, () => {
  let children: Map<string, ChildProcess>;
  before(async () => {
    reel = await startReel({ services: ['gateway'], modules });
    children = new Map(await Promise.all(behind.map(async (name) => [name, await reel.local.spawn([name])] as const)));
  });
  after(() => reel.close());

  it('loses nothing, and no run stands still for longer than it takes to start a service, and five seconds', async () => {
    const baseline = (await checked(await underLoad(async () => {})))[0] as number;
    let startMs = 0;
    const runs = await underLoad(async () => {
      for (const name of behind) {
        await stopped(children.get(name) as ChildProcess);
        const begun = performance.now();
        await reel.local.spawn([name]);
        startMs = Math.max(startMs, performance.now() - begun);
      }
    });
    const still = await checked(runs);
    const told = `longest ${still[0]} ms of ${still.length} runs (median ${still[still.length >> 1]} ms; undisturbed ${baseline} ms; slowest start ${Math.round(startMs)} ms)`;
    // Two of them may be away for one step of a run, one after the other.
    assert.ok((still[0] as number) < baseline + 2 * startMs + 5000, told);
    console.log(`# ${told}`);
  });
});

/** The version of which facts are kept in contracts/samples/1-dc0f711.jsonl. */
const OLD = 'dc0f711';

describe('an earlier version beside today’s', { timeout: 200_000 }, () => {
  let dir: string;
  const olds = new Map<string, ChildProcess>();
  before(async () => {
    if (!(await hasCommit(OLD))) return;
    dir = await mkdtemp(join(tmpdir(), 'reel-upgrade-'));
    await takeOut(OLD, join(dir, 'old'));
    // That version's performers do not announce themselves, so that today's gateway would take nothing on for them alone.
    reel = await startReel({ services: ['gateway', 'tool-executor'], modules });
  });
  after(async () => {
    if (!(await hasCommit(OLD))) return;
    for (const child of olds.values()) child.kill('SIGKILL');
    await reel.close();
    await rm(dir, { recursive: true, force: true });
  });

  /** Starts a service of the earlier version; resolves when it serves. */
  async function startOld(name: string, tools: string): Promise<void> {
    const env = { ...reel.local.env, REEL_LOG: 'info', REEL_TOOLS: tools };
    const child = spawn(process.execPath, [join(dir, 'old/services/main.ts'), name], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    olds.set(name, child);
    const served = Promise.withResolvers<void>();
    child.stdout.on('data', (chunk: Buffer) => chunk.toString().includes('"msg":"serving"') && served.resolve());
    child.once('exit', (code) => served.reject(new Error(`the ${name} of ${OLD} ended with ${code}`)));
    await served.promise;
  }

  it('gives way to it while runs are under way, one service after the other', async (context) => {
    if (!(await hasCommit(OLD))) return context.skip(`the commit ${OLD} is not here: a clone with its history has it`);
    const names = behind.filter((name) => name !== 'model-executor');
    const tools = join(dir, 'tools.json');
    await writeFile(tools, JSON.stringify({ modules: [await giveModule('pace-tools.ts', join(dir, 'old'))] }));
    await Promise.all(names.map((name) => startOld(name, tools)));
    const begun = await underLoad(async () => {});
    await checked(begun);
    const runs = await underLoad(async () => {
      for (const name of names) {
        if (name !== 'tool-executor') await reel.local.serve([name]);
        // Both are there for a moment, and share what there is to do.
        await stopped(olds.get(name) as ChildProcess);
        olds.delete(name);
      }
    });
    await checked(runs);
  });
});
