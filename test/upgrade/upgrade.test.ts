/**
 * Services come and go under load, the gateway among them: one after the other gives way to another process, and an earlier version
 * to today's, while runs are under way. Nothing is lost or done twice, and no run stands still for long.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Entry } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import type { CloudEvent, Run } from '@reel/gateway/shapes.ts';
import { storyTree } from '@reel/scripts/cli/story-tree.ts';
import { freePort } from '@reel/scripts/local/free-port.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { until } from '@reel/scripts/local/until.ts';
import { SERVICES } from '@reel/services/main.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';
import { finish, listed } from './clients.ts';
import { giveModule, hasCommit, takeOut } from './old-version.ts';
import { addRightsOf } from './rights.ts';

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
/** Where the gateway is, whichever process it is. */
let api: string;
const modules = [join(import.meta.dirname, '../fixtures/pace-tools.ts')];
/** As the README says to: performers first, since what is new has to be known to them before the gateway takes it on, which is last. */
const PERFORMERS: readonly string[] = ['tool-executor', 'model-executor', 'human-executor'];
const inOrder = [...PERFORMERS, ...SERVICES.filter((name) => !PERFORMERS.includes(name) && name !== 'gateway'), 'gateway'];

/** A broker for services in processes of their own, with the gateway at a port that stays the same. */
async function startEmpty(): Promise<LocalReel> {
  const port = await freePort();
  api = `http://127.0.0.1:${port}`;
  return await startReel({ services: [], modules, env: { REEL_PORT: String(port) } });
}
/** Resolves when the gateway knows the tool: it was started beside the one who tells of it. */
async function toolsKnown(): Promise<void> {
  await until(async () => (await (await fetch(`${api}/v1/tools`)).text()).includes('"pace"'));
}

/** The longest time between two facts of a run, ms. */
const stillness = (entries: readonly Entry[]): number =>
  Math.max(0, ...entries.slice(1).map(({ time }, index) => time - (entries[index] as Entry).time));

/** Keeps so many runs in flight until `work` is done. @returns all of them. */
async function underLoad(work: () => Promise<void>, headers?: Record<string, string>): Promise<Run[]> {
  let over = false;
  const ended: Run[] = [];
  const load = Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      do ended.push(await finish(api, workflow, headers));
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

/** Whatever was asked for, however often, is one run: there are no others than those that somebody was told the end of. */
async function eachOnce(runs: readonly Run[]): Promise<void> {
  assert.deepEqual((await listed(api)).sort(), runs.map(({ id }) => id).sort());
}

async function stopped(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await gone, [0, null], 'it finishes what it has begun, and leaves');
}

describe('a rolling restart under load', { timeout: 200_000 }, () => {
  let children: Map<string, ChildProcess>;
  before(async () => {
    reel = await startEmpty();
    children = new Map(await Promise.all(inOrder.map(async (name) => [name, await reel.local.spawn([name])] as const)));
    await toolsKnown();
  });
  after(() => reel.close());

  it('loses nothing, and no run stands still five seconds longer than undisturbed', async () => {
    const undisturbed = await underLoad(async () => {});
    const runs = await underLoad(async () => {
      for (const name of inOrder) await replaced(name, children.get(name));
    });
    await standNoLonger(runs, undisturbed);
    await eachOnce([...undisturbed, ...runs]);
  });
});

/** A new one is there before the old one goes: both share what there is to do for a moment. Of gateways only one can be at an address. */
async function replaced(name: string, old: ChildProcess | undefined): Promise<void> {
  if (name === 'gateway' && old !== undefined) await stopped(old);
  await reel.local.spawn([name]);
  if (name !== 'gateway' && old !== undefined) await stopped(old);
}

/** All of them have come to their answers, and none of the first stood still for five seconds longer than any of the others. */
async function standNoLonger(runs: readonly Run[], undisturbed: readonly Run[]): Promise<void> {
  const [usualMs = 0] = await checked(undisturbed);
  const still = await checked(runs);
  const told = `longest ${still[0]} ms of ${still.length} runs (median ${still[still.length >> 1]} ms; undisturbed ${usualMs} ms)`;
  assert.ok((still[0] as number) < usualMs + 5000, told);
  console.log(`# ${told}`);
}

/** The version of which facts are kept in contracts/samples/1-b6a8075.jsonl: the first with the names that are on the wire today. */
const OLD = 'b6a8075';

describe('an earlier version beside today’s', { timeout: 200_000 }, () => {
  let dir: string;
  const olds = new Map<string, ChildProcess>();
  before(async () => {
    if (!(await hasCommit(OLD))) return;
    dir = await mkdtemp(join(tmpdir(), 'reel-upgrade-'));
    await takeOut(OLD, join(dir, 'old'));
    reel = await startEmpty();
    await addRightsOf(join(dir, 'old'), reel.local);
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
    const tools = join(dir, 'tools.json');
    await writeFile(tools, JSON.stringify({ modules: [await giveModule('fixtures/pace-tools.ts', join(dir, 'old'))] }));
    await Promise.all(inOrder.map((name) => startOld(name, tools)));
    await toolsKnown();
    const begun = await underLoad(async () => {});
    const runs = await underLoad(async () => {
      for (const name of inOrder) {
        await replaced(name, olds.get(name));
        olds.delete(name);
      }
    });
    await standNoLonger(runs, begun);
    const after = await underLoad(async () => {});
    await checked(after);
    await eachOnce([...begun, ...runs, ...after]);
  });
});

describe('facts of a later version', () => {
  before(async () => {
    reel = await startReel({ modules });
  });
  after(() => reel.close());

  it('are passed over by everybody who does not know them, and shown', async () => {
    const admin = await connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, 'provisioner');
    const ask = { id: 'ask', kind: 'person', prompt: 'Go on?', form: { type: 'object' } };
    const run = (await reel.ask('POST', '/v1/runs', { workflow: { name: 'later', steps: [ask, step('d', ['ask'])] } })).body.id;
    while ((await reel.ask('GET', `/v1/runs/${run}`)).body.held === 0) await reel.log(run);
    const later = [
      ['person.ask.1.note', 'step.note.written'],
      ['person.ask.1.estimate', 'step.estimate.made'],
      ['run.run.1.budget', 'run.budget.set'],
      ['plan.plan.1.comment', 'plan.comment.made'],
      ['purse.daily.1.request', 'step.request.reserved'],
      ['undo-tool.d-1.1.note', 'undo.note.written'],
    ] as const;
    for (const [place, type] of later) {
      const [id, causationid] = [`reel.0.${run}.${place}`, `reel.0.${run}.run.run.1.request`];
      const data = { anything: ['new', { at: 'all' }] };
      const fact = {
        specversion: '1.0',
        id,
        source: 'planner',
        type,
        time: new Date().toISOString(),
        runid: run,
        causationid,
        region: 'eu',
        data,
      };
      assert.equal((await admin.request(id, JSON.stringify(fact), { timeout: 5000 })).json<{ error?: object }>().error, undefined);
    }
    await admin.close();
    const { approvals } = (await reel.ask<{ approvals: { id: string }[] }>('GET', `/v1/approvals?run=${run}`)).body;
    await reel.ask('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'grant', who: 'ada', why: 'yes', form: {} });
    while ((await reel.ask('GET', `/v1/runs/${run}`)).body.endedAt === undefined) await reel.log(run);
    const { status, faults } = (await reel.ask('GET', `/v1/runs/${run}`)).body;
    assert.deepEqual([status, faults], ['completed', []]);
    const { events } = (await reel.ask<{ events: CloudEvent[] }>('GET', `/v1/runs/${run}/events`)).body;
    const line = storyTree(false, 120);
    const lines = events.map((event) => line(event));
    for (const [, type] of later) {
      const index = events.findIndex((event) => event.type === type);
      assert.deepEqual(events[index]?.data, { anything: ['new', { at: 'all' }] });
      assert.ok(lines[index]?.includes(type.split('.')[2] as string), lines[index]);
    }
  });
});
