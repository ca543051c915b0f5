/** The thread that speaks for a performer whose event loop stands still: when it is lost, that is told, and another one goes on with it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { openAckHeartbeat } from '@reel/bus/jetstream/ack-heartbeat.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { startLocal } from '@reel/scripts/local/local.ts';

const REPLY = '$JS.ACK.REEL_0.tool-executor.under.way';
/** The event loop stands still for so long at a time: longer than the thread takes for being busy. */
const STILL_MS = 400;

it('a heart that stops is told of, and beats again for what is under way', { timeout: 60_000 }, async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'reel-beats-'));
  const local = await startLocal({ dir, services: [], logLevel: 'silent' });
  const broker = { servers: local.nats, credentials: installationIn(dir).credentials };
  const broken = new EventTarget();
  const warned: { fields: object; message: string }[] = [];
  const log = {
    debug: () => {},
    info: () => {},
    error: () => {},
    warn: (fields: object, message: string) => {
      warned.push({ fields, message });
      broken.dispatchEvent(new Event('warned'));
    },
  };
  const listener = await connect(broker, 'provisioner');
  let heard = 0;
  listener.subscribe(REPLY, { callback: () => void (heard += 1) });
  const thread = async (): Promise<Worker> => ((await once(process, 'worker')) as [Worker])[0];
  /** Stands still, and hears what was said meanwhile, until something was. */
  const untilHeard = async (): Promise<void> => {
    for (heard = 0; heard === 0; await listener.flush()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STILL_MS);
  };

  const begun = thread();
  const beats = openAckHeartbeat(broker, 'tool-executor', log);
  context.after(async () => {
    beats.close();
    await listener.close();
    await local.stop();
    await rm(dir, { recursive: true, force: true });
  });
  beats.hold(REPLY);
  await untilHeard();
  assert.deepEqual(warned, []);

  const [told, again] = [once(broken, 'warned'), thread()];
  // It knows of no such order, and dies of it.
  (await begun).postMessage('stop');
  await told;
  assert.match(
    JSON.stringify(warned),
    /^\[\{"fields":\{"performers":\["tool-executor"\],"error":".*'in' operator.*"\},"message":".*begun again"\}\]$/,
  );
  await again;
  await untilHeard();
  assert.equal(warned.length, 1);
});
