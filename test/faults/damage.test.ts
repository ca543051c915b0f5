/**
 * A store that was damaged on disk, in every way: either nothing is lost, or the start is refused with what is lost,
 * and `reel verify` says it too. With --accept-loss everything goes on, and what is stored next is delivered.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { startServer } from '@reel/nats/server.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { startLocal } from '@reel/scripts/local/local.ts';
import { until } from '@reel/scripts/local/until.ts';
import { verify } from '@reel/scripts/verify/verify.ts';

/** Several blocks of a stream: the broker begins a new one every few megabytes. */
const FACTS = 120;
const PAD = 'x'.repeat(100_000);

let scratch: string;
let sound: string;
let dir: string;

/** What each stream holds is written as its writers do; here the content does not matter, so that no run stands in it. */
async function write(nats: string, credentials: string): Promise<void> {
  const connection = await connect({ servers: nats, credentials }, 'provisioner');
  const js = jetstream(connection);
  const { hash } = await import('node:crypto');
  for (let from = 0; from < FACTS; from += 20) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, k) => {
        const n = from + k;
        await js.publish(`reel.0.r${n}.run.run.1.request`, JSON.stringify({ n, PAD }));
        const value = JSON.stringify(`${n}${PAD}`);
        await js.publish(`blob.0.planner.r${n}.${hash('sha256', value)}`, value);
        if (n % 3 > 0) return;
        await js.publish(`timer.0.saga-tracker.fired.r${n}.deadline`, PAD);
        await js.publish(`$KV.tools.t${n}`, PAD);
      }),
    );
  }
  const consumer = await js.consumers.get('REEL_0', 'policy');
  let heard = 0;
  for await (const message of await consumer.consume({ max_messages: 20 })) {
    message.ack();
    if (++heard === FACTS) break;
  }
  await connection.flush();
  await connection.close();
}

const local = (acceptLoss = false) => startLocal({ dir, services: [], env: {}, logLevel: 'silent', acceptLoss });
const folderOf = (stream: string): string => join(dir, 'jetstream/jetstream/LOG/streams', stream);
async function blocks(stream: string): Promise<string[]> {
  const names = (await readdir(join(folderOf(stream), 'msgs'))).filter((name) => name.endsWith('.blk'));
  return names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).map((name) => join(folderOf(stream), 'msgs', name));
}
const last = async (stream: string): Promise<string> => (await blocks(stream)).at(-1) as string;
const first = async (stream: string): Promise<string> => (await blocks(stream))[0] as string;
const middle = async (stream: string): Promise<string> => {
  const all = await blocks(stream);
  return all[Math.floor((all.length - 1) / 2)] as string;
};
async function flip(file: string, at: (bytes: number) => number, count = 4): Promise<void> {
  const content = await readFile(file);
  const from = Math.max(0, Math.floor(at(content.length)));
  for (let i = from; i < from + count && i < content.length; i += 1) content[i] = (content[i] as number) ^ 0xff;
  await writeFile(file, content);
}
const withoutIndex = (stream: string): Promise<void> => rm(join(folderOf(stream), 'msgs/index.db'), { force: true });

type Damaging = (stream: string) => Promise<void>;
const DAMAGE: { readonly [how: string]: Damaging } = {
  'bytes of the last block': async (stream) => flip(await last(stream), (bytes) => bytes / 2),
  'bytes of the last record': async (stream) => flip(await last(stream), (bytes) => bytes - 30),
  'bytes of the last block, and the index is gone': async (stream) => {
    await withoutIndex(stream);
    await flip(await last(stream), (bytes) => bytes / 2);
  },
  'bytes of a record in the middle': async (stream) => flip(await middle(stream), (bytes) => bytes / 2 + 300),
  'bytes of a record in the middle, and the index is gone': async (stream) => {
    await withoutIndex(stream);
    await flip(await middle(stream), (bytes) => bytes / 2 + 300);
  },
  'the length of the first record': async (stream) => flip(await first(stream), () => 0),
  'the last block is cut short': async (stream) => truncate(await last(stream), (await stat(await last(stream))).size - 150_000),
  'the last records are zeroes': async (stream) => {
    const content = await readFile(await last(stream));
    await writeFile(await last(stream), content.fill(0, content.length - 150_000));
  },
  'records before the last are zeroes': async (stream) => {
    const content = await readFile(await last(stream));
    await writeFile(await last(stream), content.fill(0, content.length - 450_000, content.length - 250_000));
  },
  'the last block is gone': async (stream) => rm(await last(stream)),
  'the first block is gone': async (stream) => rm(await first(stream)),
  'a block in the middle is gone': async (stream) => rm(await middle(stream)),
  'all blocks are gone': async (stream) => rm(join(folderOf(stream), 'msgs'), { recursive: true }),
  'the whole stream is gone': async (stream) => rm(folderOf(stream), { recursive: true }),
  'the index is gone': withoutIndex,
  'bytes of the index': async (stream) => flip(join(folderOf(stream), 'msgs/index.db'), (bytes) => bytes / 2),
  'rubbish after the last record': async (stream) => writeFile(await last(stream), Buffer.alloc(300, 7), { flag: 'a' }),
  'the description is gone': async (stream) => rm(join(folderOf(stream), 'meta.inf')),
  'bytes of the description': async (stream) => flip(join(folderOf(stream), 'meta.inf'), () => 20),
};

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'reel-damage-'));
  sound = join(scratch, 'sound');
  dir = sound;
  const reel = await local();
  await write(reel.nats, installationIn(dir).credentials);
  await reel.stop();
});
after(() => rm(scratch, { recursive: true, force: true }));

async function copy(): Promise<void> {
  dir = join(scratch, 'damaged');
  await rm(dir, { recursive: true, force: true });
  await cp(sound, dir, { recursive: true });
}

/** What `reel verify` finds lost of a store, on a broker that nobody has looked at. */
async function verified(): Promise<string[]> {
  const { configFile } = installationIn(dir);
  const server = await startServer({ dataDir: join(dir, 'jetstream'), configFile });
  await writeFile(join(dir, 'server.json'), JSON.stringify({ nats: server.url }));
  try {
    const { findings } = await verify(undefined, { dir });
    return findings.filter(({ rule }) => rule === 'lost').map(({ message }) => message);
  } finally {
    await server.stop();
  }
}

/** What is stored next reaches the durables. */
async function goesOn(nats: string): Promise<void> {
  const connection = await connect({ servers: nats, credentials: installationIn(dir).credentials }, 'provisioner');
  const manager = await jetstreamManager(connection);
  for (const [stream, durable, subject] of [
    ['REEL_0', 'policy', 'reel.0.next.run.run.1.request'],
    ['CLOCK_0_saga-tracker', 'saga-tracker', 'timer.0.saga-tracker.fired.next.deadline'],
  ] as const) {
    const { seq } = await jetstream(connection).publish(subject, 'next');
    // The broker counts what is pending a moment after it has stored it.
    await until(async () => (await manager.consumers.info(stream, durable)).num_pending > 0);
    const { delivered } = await manager.consumers.info(stream, durable);
    assert.ok(delivered.stream_seq < seq, `${stream} ${seq} is not delivered: ${delivered.stream_seq}`);
  }
  await connection.close();
}

async function isWhole(nats: string, stream: string): Promise<boolean> {
  const connection = await connect({ servers: nats, credentials: installationIn(dir).credentials }, 'provisioner');
  const manager = await jetstreamManager(connection);
  const { state } = await manager.streams.info(stream);
  await connection.close();
  return state.messages >= FACTS && state.last_seq >= FACTS;
}

const STREAMS = ['REEL_0', 'BLOB_0', 'CLOCK_0_saga-tracker', 'KV_tools'];
/** Every way in one stream: the log has each second of them, and the others share the rest. REEL_DAMAGE=all: every way in every stream. */
const isTried = (stream: string, way: number): boolean =>
  process.env['REEL_DAMAGE'] === 'all' || stream === STREAMS[way % 2 === 0 ? 0 : 1 + (((way - 1) / 2) % 3)];

for (const stream of STREAMS) {
  describe(`damage to ${stream}`, () => {
    for (const [how, damage] of Object.entries(DAMAGE).filter((_, way) => isTried(stream, way))) {
      it(`${how}: nothing is lost, or it is said`, { timeout: 60_000 }, async () => {
        await copy();
        await damage(stream);
        // The broker mends what it can when it starts, so that each of the two looks at a copy of its own.
        const said = await verified();
        await copy();
        await damage(stream);
        const started = await local().catch((error: Error) => error);
        if (started instanceof Error) {
          assert.match(started.message, new RegExp(`acknowledged facts are lost[\\s\\S]*${stream}: positions? \\d+[\\s\\S]*--accept-loss`));
          assert.notDeepEqual(said, [], started.message);
        } else if (stream === 'REEL_0' || stream === 'BLOB_0') {
          // What these two hold can be had from nowhere else.
          const whole = await isWhole(started.nats, stream);
          if (!whole) await started.stop();
          assert.ok(whole, 'the start says nothing of it');
        }
        const again = started instanceof Error ? await local(true) : started;
        try {
          await goesOn(again.nats);
        } finally {
          await again.stop();
        }
        await (await local()).stop();
        assert.deepEqual(await verified(), [], 'what was accepted is not found again');
      });
    }
  });
}

describe('damage to what is known of a durable', () => {
  const file = (name: string): string => join(folderOf('REEL_0'), 'obs/policy', name);
  for (const [how, damage] of Object.entries({
    'its position is gone': () => rm(file('o.dat')),
    'its description is gone': () => rm(file('meta.inf')),
    'bytes of its description': () => flip(file('meta.inf'), () => 20),
  } satisfies { [how: string]: () => Promise<void> })) {
    it(`${how}: what is stored next is delivered`, { timeout: 60_000 }, async () => {
      await copy();
      await damage();
      const reel = await local();
      assert.ok(await isWhole(reel.nats, 'REEL_0'));
      await goesOn(reel.nats);
      await reel.stop();
    });
  }
});

it('what is noted of the log being damaged itself is said', async () => {
  await copy();
  await writeFile(join(dir, 'acknowledged.json'), '{"marks":');
  await assert.rejects(local(), /acknowledged\.json is damaged .* Put it back from a copy, or delete it/);
  await rm(join(dir, 'acknowledged.json'));
  await (await local()).stop();
});

it('a durable whose position cannot be read is refused with what to do, and is made anew then', { timeout: 60_000 }, async () => {
  await copy();
  const folder = join(folderOf('REEL_0'), 'obs/policy');
  await flip(join(folder, 'o.dat'), () => 0);
  const started = await local().catch((error: Error) => error);
  if (started instanceof Error)
    assert.match(started.message, /durable policy on REEL_0 .* remove its folder .*obs\/policy\) and start again/);
  else await started.stop();
  await rm(folder, { recursive: true });
  const reel = await local();
  await goesOn(reel.nats);
  await reel.stop();
});
