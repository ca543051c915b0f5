/**
 * Facts that end the process which handles them, on real processes: each costs its service two restarts, its run ends under a name that
 * says why, and all other runs go on.
 */
import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Run } from '@reel/gateway/shapes.ts';
import { admit } from '@reel/scripts/admit.ts';
import { type Replica, startReplica } from '@reel/scripts/chaos/replica.ts';
import { until } from '@reel/scripts/until.ts';
import { deaths, type Way } from './deadly/deaths.ts';
import { type LocalReel, startReel } from './local-reel.ts';

const timeout = 240_000;
const path = (name: string): string => join(import.meta.dirname, 'deadly', name);
const asks = { name: 'asks', steps: [{ id: 'ask', kind: 'person', prompt: 'Well?', form: { type: 'object' } }] };

let reel: LocalReel;
let file: string;
let logFile: string;
before(async () => {
  reel = await startReel();
  file = join(reel.dir, 'survived');
  logFile = join(reel.dir, 'log');
  await writeFile(file, '');
  for (const name of ['listener.ts', 'performer.ts']) await admit(path(name), reel.local.dir);
});
after(() => reel.close());

const noted = async (): Promise<string[]> => (await readFile(file, 'utf8')).trim().split('\n');
const log = async (): Promise<string> => await readFile(logFile, 'utf8');

/** A service in a process that is started again whenever it ends. */
async function served(name: string): Promise<Replica> {
  await appendFile(logFile, '');
  const before = (await log()).split('"msg":"serving"').length;
  const env = { ...reel.local.env, DEADLY_FILE: file };
  const natsPort = Number(new URL(reel.local.nats).port);
  const replica = await startReplica({ name, services: [path(name)], env, natsPort, logFile });
  await until(async () => (await log()).split('"msg":"serving"').length > before);
  return replica;
}
/** A run that has nothing to do with death, heard by the listener. */
async function another(): Promise<void> {
  const { body } = await reel.ask('POST', '/v1/runs', { workflow: asks });
  await until(async () => (await noted()).includes(body.id));
  await reel.ask('POST', `/v1/runs/${body.id}/cancel`, { who: 'ada', why: 'enough' });
}

/** What quarantine says of its process. */
const SAYS: { readonly [way in Way]: RegExp } = {
  'loops for ever': /did not come to an end within 10 s/,
  'waits for ever': /did not come to an end within 10 s/,
  'fills a map': /took more than 256 MiB of memory/,
  'fills a list': /took more than 256 MiB of memory/,
  'fills buffers': /took more than 256 MiB of memory/,
  exits: /ended itself with code 0/,
  crashes: /ended with SIGSEGV/,
  'throws late': /ended itself with code 1/,
};

for (const way of Object.keys(deaths) as Way[]) {
  it(`a handler that ${way} costs two restarts, and its run fails and says so`, { timeout }, async () => {
    const listener = await served('listener.ts');
    const { body } = await reel.ask<Run>('POST', '/v1/runs', { workflow: asks, input: { dies: way } });
    const [run] = await Promise.all([
      reel.ask<Run>('GET', `/v1/runs/${body.id}?wait=120`).then(async () => {
        await (await fetch(`${reel.api}/v1/runs/${body.id}/events`, { headers: { accept: 'text/event-stream' } })).text();
        return (await reel.ask<Run>('GET', `/v1/runs/${body.id}`)).body;
      }),
      another(),
    ]);
    await another();
    assert.equal(run.status, 'failed');
    assert.match(JSON.stringify(run), /listener could not handle reel\.0\.\S+\.run\.run\.1\.verdict/);
    assert.match(JSON.stringify(run), SAYS[way]);
    assert.equal(listener.gaveUp.length, 2, `its process ended ${listener.gaveUp.length} times: ${listener.gaveUp.join(', ')}`);
    assert.equal((await noted()).includes(body.id), way === 'throws late');
    assert.deepEqual((await reel.log(body.id)).findings, []);
    await listener.stop();
  });
}
