/**
 * A disk that runs full, for real: the store stands on a small one. New runs are refused before it is, nothing that was acknowledged is
 * lost, and everything goes on by itself when there is room. Mounting takes root, as the tests have it where they are run for every change.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { clockStream, timerSubject } from '@reel/bus/jetstream/names.ts';
import type { PubAck } from '@reel/bus/jetstream/publisher.ts';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { ask, follow } from '@reel/scripts/cli/api.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { NO_MODEL } from '@reel/scripts/local/no-model.ts';
import { SERVICES } from '@reel/services/main.ts';
import { headers } from 'nats';

const mayMount = process.platform === 'linux' && process.getuid?.() === 0;
const DISK_MB = 64;

let disk: string;
let local: Local;
const ballast = (): string => join(disk, 'ballast');
const freeBytes = async (): Promise<number> => {
  const { bavail, bsize } = await statfs(disk);
  return bavail * bsize;
};
const workflow = { name: 'asks', steps: [{ id: 's', kind: 'person', prompt: 'Go on?', form: { type: 'object' }, timeoutMs: 600_000 }] };
type Answer = {
  readonly status: number;
  readonly ms: number;
  readonly after: string | null;
  readonly body: { id?: string; detail?: string };
};
async function request(path: string, body?: object): Promise<Answer> {
  const begin = performance.now();
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(`${local.api}${path}`, body === undefined ? {} : post);
  const answer = (await response.json()) as Answer['body'];
  return { status: response.status, ms: performance.now() - begin, after: response.headers.get('retry-after'), body: answer };
}
const submit = (input: object = {}): Promise<Answer> => request('/v1/runs', { workflow, input });
/** Asks until it is answered so. */
async function until(path: string, status: number, why: RegExp): Promise<void> {
  for (;;) {
    const { status: now, body } = await request(path);
    if (now === status && why.test(body.detail ?? '')) return;
  }
}
async function isHeld(run: string): Promise<void> {
  for await (const told of follow(run)) if ('type' in told && told.type === 'step.verdict.held') return;
}
async function completes(run: string): Promise<void> {
  const { approvals } = await ask<{ approvals: { id: string }[] }>('GET', `/v1/approvals?run=${run}`);
  await ask('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'grant', who: 'ada', why: 'yes', form: { fine: true } });
  for await (const _ of follow(run));
  assert.equal((await ask<Run>('GET', `/v1/runs/${run}`)).status, 'completed');
}

before(async () => {
  assert.ok(mayMount || process.env['CI'] === undefined, 'run the tests as root on Linux here, or a full disk is not tried by anything');
  if (!mayMount) return;
  disk = await mkdtemp(join(tmpdir(), 'reel-full-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', disk]);
  await mkdir(join(disk, 'reel'));
  local = await startLocal({ dir: join(disk, 'reel'), services: SERVICES, env: { ...NO_MODEL, REEL_PORT: '0' }, logLevel: 'silent' });
  process.env['REEL_API'] = local.api as string;
});
after(async () => {
  if (!mayMount) return;
  await local.stop();
  execFileSync('umount', [disk]);
  await rm(disk, { recursive: true, force: true });
});

const skip = mayMount ? false : 'mounting a small disk takes root on Linux';

it('refuses new runs while what is under way still fits, and takes them again when there is room', { skip, timeout: 60_000 }, async () => {
  const { body } = await submit();
  const run = (body as Submitted).id;
  await isHeld(run);
  // A twentieth is kept for what is under way; a fifth of that for the broker.
  await writeFile(ballast(), Buffer.alloc((await freeBytes()) - 2 * 1024 * 1024));
  for (let answer = await submit(); answer.status === 201; answer = await submit());
  const refused = await submit();
  assert.deepEqual([refused.status, refused.after], [503, '5']);
  assert.match(refused.body.detail ?? '', /^the disk of the broker is almost full: .* left .*nothing was done/);
  assert.equal((await request('/readyz')).status, 200, 'people can still decide');
  await completes(run);
  await rm(ballast());
  for (let answer = await submit(); answer.status !== 201; answer = await submit());
});

it('a disk that is full at once: it is not ready and says why, loses nothing, and goes on by itself', {
  skip,
  timeout: 90_000,
}, async () => {
  const before = [await submit(), await submit({ more: 'x'.repeat(10_000) })].map(({ body }) => body.id as string);
  await Promise.all(before.map(isHeld));
  // All at once: the broker comes upon it in the middle of its work.
  const acknowledged: string[] = [];
  let over = false;
  const load = (async () => {
    while (!over) {
      const { status, body } = await submit({ more: 'x'.repeat(50_000) });
      if (status === 201) acknowledged.push(body.id as string);
    }
  })();
  await writeFile(ballast(), Buffer.alloc(await freeBytes())).catch(() => {});
  const connection = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, 'provisioner');
  for (let n = 0; n < 3; n += 1) connection.publish(`reel.0.full.tool.s.${n}.request`, 'x'.repeat(400_000));
  await until('/readyz', 503, /the disk of the broker is full \(it says: .*no space left on device/);
  await connection.close();
  over = true;
  await load;
  for (let n = 0; n < 5; n += 1) {
    const refused = await submit();
    assert.equal(refused.status, 503);
    assert.ok(refused.ms < 2000, `it took ${refused.ms} ms to be refused, and should take next to nothing`);
    assert.match(refused.body.detail ?? '', /the disk of the broker is full/);
  }
  await rm(ballast());
  await until('/readyz', 200, /^$/);
  for (let answer = await submit(); answer.status !== 201; answer = await submit());
  for (const run of [...before, ...acknowledged]) assert.ok(await ask<Run>('GET', `/v1/runs/${run}`), run);
  for (const run of before) await completes(run);
});

it('the flood of one stream leaves room for the others', { skip, timeout: 60_000 }, async () => {
  const connection = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, 'provisioner');
  let refused: PubAck['error'];
  for (let n = 0; refused === undefined; n += 1) {
    const value = 'x'.repeat(900_000);
    const answer = await connection.request(`blob.0.planner.flood.${String(n).padStart(64, '0')}`, value, { timeout: 5000 });
    refused = answer.json<PubAck>().error;
  }
  assert.match(refused.description ?? '', /maximum bytes exceeded/);
  const { status, body } = await submit();
  assert.equal(status, 201);
  await isHeld(body.id as string);
  await completes(body.id as string);
  await connection.close();
});

it('the flood of a clock costs its service the oldest of its own timers, and nobody anything else', { skip, timeout: 60_000 }, async () => {
  const { credentials } = installationIn(local.dir);
  const keeper = await connect({ servers: local.nats, credentials }, 'saga-tracker');
  const admin = await connect({ servers: local.nats, credentials }, 'provisioner');
  const manager = await jetstreamManager(admin, { checkAPI: false });
  const names = (await manager.streams.names().next()).filter((name) => name.startsWith('CLOCK_'));
  assert.ok(names.length > 0);
  for (const name of names) assert.ok((await manager.streams.info(name)).config.max_bytes > 0, `${name} has no limit`);
  const [, shard, service = ''] = /^CLOCK_(\d+)_(.+)$/.exec(clockStream(0, 'saga-tracker')) ?? [];
  const carried = headers();
  carried.set('Nats-Schedule', '@at 2100-01-01T00:00:00Z');
  carried.set('Nats-Schedule-Target', `${timerSubject(Number(shard), service, 'fired')}.flood.look`);
  const { max_bytes: most } = (await manager.streams.info(clockStream(0, service))).config;
  for (let bytes = 0, n = 0; bytes < 3 * most; bytes += 900_000, n += 1) {
    const subject = `${timerSubject(Number(shard), service, 'set')}.flood.n${n}`;
    const answer = await keeper.request(subject, 'x'.repeat(900_000), { timeout: 5000, headers: carried });
    assert.equal(answer.json<PubAck>().error, undefined);
  }
  assert.ok((await manager.streams.info(clockStream(0, service))).state.bytes <= most);
  assert.equal((await request('/readyz')).status, 200);
  const { status, body } = await submit();
  assert.equal(status, 201);
  await isHeld(body.id as string);
  await completes(body.id as string);
  // A timer that is set now rings.
  const late = { name: 'late', steps: [{ ...workflow.steps[0], timeoutMs: 1000 }] };
  const { body: asked } = await request('/v1/runs', { workflow: late, input: {} });
  for await (const _ of follow(asked.id as string));
  assert.equal((await ask<Run>('GET', `/v1/runs/${asked.id}`)).status, 'failed');
  await keeper.close();
  await admin.close();
});
