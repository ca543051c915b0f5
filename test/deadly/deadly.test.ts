/**
 * What ends the process that handles it, on real processes: it costs its service two restarts, its run ends under a name that says why,
 * and all other runs go on.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Run } from '@reel/gateway/shapes.ts';
import { type Replica, startReplica } from '@reel/scripts/chaos/replica.ts';
import { admit } from '@reel/scripts/local/admit.ts';
import { until } from '@reel/scripts/local/until.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';
import { deaths, type Way } from './deaths.ts';

const timeout = 240_000;
const DEATHS = 2;
const ways = Object.keys(deaths) as Way[];
const asks = { name: 'asks', steps: [{ id: 'ask', kind: 'person', prompt: 'Well?', form: { type: 'object' } }] };
const nameOf = (way: Way): string => `listener-${ways.indexOf(way)}`;

/** On a machine that is busy, its time may be up before its memory. */
const FULL = /took more than 256 MiB of memory|did not come to an end within 10 s of computing/;
/** What is said of the process in quarantine. */
const SAYS: { readonly [way in Way]: RegExp } = {
  'loops for ever': /did not come to an end within 10 s of computing/,
  'fills lists': FULL,
  'fills buffers': FULL,
  exits: /ended itself with code 0/,
  crashes: /ended with SIGSEGV/,
};

let reel: LocalReel;
let file: string;
const modules = new Map<string, string>();
before(async () => {
  reel = await startReel();
  file = join(reel.dir, 'noted');
  await writeFile(file, '');
  const factory = pathToFileURL(join(import.meta.dirname, 'listener.ts')).href;
  for (const name of ways.map(nameOf)) {
    const path = join(reel.dir, `${name}.mjs`);
    await writeFile(path, `import { listenerNamed } from ${JSON.stringify(factory)};\nexport default listenerNamed('${name}');\n`);
    modules.set(name, path);
  }
  modules.set('performer', join(import.meta.dirname, 'performer.ts'));
  for (const path of modules.values()) await admit(path, reel.local.dir);
});
after(() => reel.close());

const noted = async (): Promise<string[]> => (await readFile(file, 'utf8')).trim().split('\n');
const logOf = (name: string): string => join(reel.dir, `${name}.log`);

/** A service in a process that is started again whenever it ends. */
async function served(name: string, context: TestContext): Promise<Replica> {
  const natsPort = Number(new URL(reel.local.nats).port);
  // With the heap that the image gives a service.
  const env = { ...reel.local.env, DEADLY_FILE: file, NODE_OPTIONS: '--max-old-space-size=256' };
  const replica = await startReplica({ name, services: [modules.get(name) as string], env, natsPort, logFile: logOf(name) });
  context.after(replica.stop);
  await until(async () => (await readFile(logOf(name), 'utf8')).includes('"msg":"serving"'));
  return replica;
}
async function ended(id: string): Promise<Run> {
  await (await fetch(`${reel.api}/v1/runs/${id}/events`, { headers: { accept: 'text/event-stream' } })).text();
  return (await reel.ask<Run>('GET', `/v1/runs/${id}`)).body;
}
/** A run that has nothing to do with death goes on. */
async function another(name: string): Promise<void> {
  const { id } = (await reel.ask('POST', '/v1/runs', { workflow: asks })).body;
  await until(async () => (await noted()).includes(`${name} ${id}`));
  await reel.ask('POST', `/v1/runs/${id}/cancel`, { who: 'ada', why: 'enough' });
}
function costsTwoAtMost({ gaveUp }: Replica): void {
  // Where the broker has delivered it again to the process that hung, the second one has handled it in quarantine.
  assert.ok(gaveUp.length >= 1 && gaveUp.length <= DEATHS, `its process ended ${gaveUp.length} times`);
}

describe('costs two restarts, and its run fails and says so: a handler that', { concurrency: 3, timeout }, () => {
  for (const way of ways) {
    it(way, { timeout }, async (context) => {
      const name = nameOf(way);
      const replica = await served(name, context);
      const { id } = (await reel.ask('POST', '/v1/runs', { workflow: asks, input: { victim: name, dies: way } })).body;
      const [run] = await Promise.all([ended(id), another(name)]);
      await another(name);
      assert.equal(run.status, 'failed');
      assert.match(JSON.stringify(run), new RegExp(`${name} could not handle reel\\.0\\.\\S+\\.run\\.run\\.1\\.verdict`));
      assert.match(JSON.stringify(run), SAYS[way]);
      costsTwoAtMost(replica);
      assert.equal((await noted()).includes(`${name} ${id}`), false);
      assert.deepEqual((await reel.log(id)).findings, []);
    });
  }
});

it('a run that was open before its service began, and whose every look is deadly, ends no process of it', { timeout }, async (context) => {
  const name = nameOf('exits');
  const { id } = (await reel.ask('POST', '/v1/runs', { workflow: asks, input: { victim: name, ring: 'exits' } })).body;
  const replica = await served(name, context);
  const [run] = await Promise.all([ended(id), another(name)]);
  assert.equal(run.status, 'failed');
  assert.match(JSON.stringify(run), new RegExp(`${name} could not handle reel\\.0\\.\\S+\\.request: timer sweep: `));
  assert.deepEqual(replica.gaveUp, []);
  assert.deepEqual((await reel.log(id)).findings, []);
});

describe('costs two restarts, and its step fails or is in doubt: a call that exits, and has', { timeout }, () => {
  for (const effect of ['read-only', 'idempotent', 'once'] as const) {
    it(`the effect ${effect}`, { timeout }, async (context) => {
      const replica = await served('performer', context);
      const step = { kind: 'deadly', effect, timeoutMs: 20_000 };
      const steps = [
        { id: 'well', ...step },
        { id: 'ill', ...step, dependsOn: ['well'], with: { dies: 'exits' } },
      ];
      const { id } = (await reel.ask('POST', '/v1/runs', { workflow: { name: 'calls', steps } })).body;
      const outcome = async () => (await reel.log(id)).entries.find(({ address }) => address.endsWith('.deadly.ill.1.outcome'));
      await until(async () => (await outcome()) !== undefined);
      // What is done once is never begun again.
      const calls = (await noted()).filter((line) => line === `${id}.deadly.ill`).length;
      assert.equal(calls, effect === 'once' ? 1 : DEATHS + 1);
      assert.equal(replica.gaveUp.length, effect === 'once' ? 1 : DEATHS);
      const says = { 'read-only': /failed.*undeliverable/, idempotent: /unknown.*undeliverable/, once: /unknown.*unknown-effect/ }[effect];
      assert.match(JSON.stringify(await outcome()), says);
      await reel.ask('POST', `/v1/runs/${id}/cancel`, { who: 'ada', why: 'enough' });
      assert.deepEqual((await reel.log(id)).findings, []);
    });
  }
});
