/** Services that have been taken over, with their true credentials, fill every table that readers keep: each fills its own place alone. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Component } from '@reel/bus/component.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { componentOf } from '@reel/bus/runtime/component-of.ts';
import type { AnyService } from '@reel/bus/service.ts';
import { presenceSubject } from '@reel/bus/signals/presence.ts';
import { openPresenceTracker, type PresenceTracker } from '@reel/bus/signals/presence-tracker.ts';
import { openTokenStream, watchRun } from '@reel/bus/signals/token-stream.ts';
import { openRegistry, readTools } from '@reel/bus/signals/tool-registry.ts';
import { admit } from '@reel/scripts/local/admit.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { load, SERVICES } from '@reel/services/main.ts';
import type { NatsConnection } from 'nats';

const admitted = ['../extension/notifier.ts', '../extension/sms.ts'].map((path) => join(import.meta.dirname, path));
const process1 = { pid: 1, startedAt: new Date(0).toISOString(), version: '0' };
let local: Local;
let dir: string;
let reading: NatsConnection;
let services: AnyService[];
const warned: { service: string; message: string }[] = [];
const log = { warn: (fields: object, message: string) => void warned.push({ service: (fields as { service: string }).service, message }) };

const as = (name: string): Promise<NatsConnection> => connect({ servers: local.nats, credentials: installationIn(dir).credentials }, name);

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-flood-'));
  local = await startLocal({ dir, services: [], env: {} });
  for (const path of admitted) await admit(path, dir);
  services = await Promise.all([...SERVICES, ...admitted].map(load));
  reading = await as('gateway');
});
after(async () => {
  await reading.close();
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Resolves when the roll has heard what was said before. */
async function heard(roll: PresenceTracker, is: () => boolean): Promise<void> {
  const done = Promise.withResolvers<void>();
  const look = (): void => (is() ? done.resolve() : undefined);
  const stop = roll.follow(look);
  look();
  await done.promise;
  stop();
}

const announce = (connection: NatsConnection, component: Component): void =>
  connection.publish(presenceSubject(component.name, component.instance, component.kind), JSON.stringify(component));
const count = (roll: PresenceTracker, name: string): Component[] => roll.components().filter((one) => one.name === name);

it('announcements without end, or of any size, take no place but their own', async () => {
  // Beats that do not come while the test runs: nobody is gone for having been silent.
  const roll = openPresenceTracker(reading, log, 60_000);
  await reading.flush();
  const connections = new Map<string, NatsConnection>();
  for (const service of services) {
    const connection = await as(service.name);
    connections.set(service.name, connection);
    announce(connection, componentOf(service, { instance: 'honest', ...process1 }));
  }
  await heard(roll, () => services.every(({ name }) => count(roll, name).length === 1));
  for (const service of services) {
    const connection = connections.get(service.name) as NatsConnection;
    const names = (bytes: number): string[] => [`${'x'.repeat(bytes)}`];
    const huge = { ...componentOf(service, { instance: 'huge', ...process1 }), offers: { tools: names(900_000) } };
    for (let n = 0; n < 4; n += 1) announce(connection, { ...huge, instance: `huge-${n}` });
    for (let n = 0; n < 16; n += 1) announce(connection, { ...huge, instance: `large-${n}`, offers: { tools: names(300_000) } });
    for (let n = 0; n < 400; n += 1) announce(connection, { ...huge, instance: `small-${n}`, offers: {} });
    // Whatever it has said has been heard when this is answered.
    await connection.flush();
    await reading.flush();
    const kept = count(roll, service.name);
    assert.ok(kept.length > 1 && kept.length <= 257, `${service.name}: ${kept.length}`);
    assert.ok(JSON.stringify(kept).length < 5_000_000, `${service.name}: ${JSON.stringify(kept).length} bytes`);
    for (const { name } of services)
      assert.ok(
        count(roll, name).some(({ instance }) => instance === 'honest'),
        `${name}, flooded by ${service.name}`,
      );
  }
  assert.deepEqual(warned.map(({ service }) => service).sort(), services.map(({ name }) => name).sort());
  roll.close();
  await Promise.all([...connections.values()].map((connection) => connection.close()));
});

it('of a registry without end so much is read, and the tools that were there first are among it', async () => {
  const connection = await as('tool-executor');
  const registry = openRegistry(connection);
  const tool = (name: string, description: string): object => ({
    name,
    description,
    server: 's',
    input: {},
    effect: 'once',
    timeoutMs: 1,
    concurrency: 1,
    digest: 'd',
  });
  await registry.put('honest', tool('honest', '') as never);
  for (let n = 0; n < 72; n += 1) await registry.put(`wide-${n}`, tool(`wide-${n}`, 'x'.repeat(500_000)) as never);
  await registry.put('too-wide', tool('too-wide', 'x'.repeat(600_000)) as never);
  warned.length = 0;
  const { tools, close } = await readTools(reading, log);
  const read = await tools();
  assert.ok(read.has('honest'));
  assert.ok(!read.has('too-wide'));
  assert.ok(read.size > 50 && read.size < 70, `${read.size} tools`);
  assert.match(warned.map(({ message }) => message).join(), /^The registry of tools has more than is read of it/);
  close();
  await connection.close();
});

it('what is shown in pieces that are too large is shown to nobody, and what follows is', async () => {
  const connection = await as('model-executor');
  const shown: number[] = [];
  const done = Promise.withResolvers<void>();
  const unwatch = watchRun(reading, 'flooded', ({ text }) => {
    shown.push(text.length);
    if (text === 'end') done.resolve();
  });
  await reading.flush();
  const at = { shard: 0, run: 'flooded', kind: 'model', id: 'a', n: 1, slot: 'outcome' };
  for (let n = 0; n < 5; n += 1) connection.publish('tokens.0.flooded.model.a.1', JSON.stringify({ text: 'x'.repeat(900_000) }));
  const stage = openTokenStream(connection);
  stage.show(at, 'y'.repeat(900_000));
  stage.clear(at.run, at);
  stage.show(at, 'end');
  await done.promise;
  assert.deepEqual(shown, [3]);
  unwatch();
  await connection.close();
});
