/**
 * An archive outlives what the log loses: positions that the broker uses again after a loss are archived as well, and volumes that are
 * lost at the end of the archive itself are missed, although no later volume names them.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { archive, archivedRun, withShelf } from '@reel/scripts/archive/archive.ts';
import { unarchived } from '@reel/scripts/archive/check.ts';
import type { Damaged } from '@reel/scripts/archive/read.ts';
import { ask, follow } from '@reel/scripts/cli/api.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { NO_MODEL } from '@reel/scripts/local/no-model.ts';
import { withLog } from '@reel/scripts/local/operator.ts';
import { verify } from '@reel/scripts/verify/verify.ts';
import { SERVICES } from '@reel/services/main.ts';

let scratch: string;
let dir: string;
let local: Local | undefined;
const place = (): string => join(dir, 'archive');

async function start(acceptLoss = false): Promise<void> {
  const env = { ...NO_MODEL, REEL_PORT: '0', REEL_TOOLS: join(scratch, 'tools.json') };
  local = await startLocal({ dir, services: SERVICES, env, logLevel: 'silent', acceptLoss });
  process.env['REEL_API'] = local.api as string;
}
async function stop(): Promise<void> {
  await local?.stop();
  local = undefined;
}
async function finish(value: number): Promise<string> {
  const workflow = { name: 'echo', steps: [{ id: 'e', uses: 'echo', with: { value } }] };
  const { id } = await ask<Submitted>('POST', '/v1/runs', { workflow, input: {} });
  for await (const _ of follow(id));
  assert.equal((await ask<Run>('GET', `/v1/runs/${id}`)).status, 'completed');
  return id;
}
const finishAll = (count: number): Promise<string[]> => Promise.all(Array.from({ length: count }, (_, n) => finish(n)));
const keep = () => withShelf(place(), dir, (shelf) => withLog(dir, (log, shards) => archive(log, shards, shelf, Date.now() + 1)));
/** What `reel archive --check` says. */
async function missed(): Promise<{ runs: string[]; files: string[] }> {
  const damaged: Damaged[] = [];
  const looking = { beforeMs: Date.now() + 1, tell: (one: Damaged) => damaged.push(one) };
  const found = await withShelf(place(), dir, (shelf) => withLog(dir, (log, shards) => unarchived(log, shards, shelf, looking)));
  return { runs: found.map(({ run }) => run).sort(), files: damaged.map(({ file }) => file) };
}
const factsOf = (run: string) =>
  withLog(dir, async (log) => (await log.run(0, run)).map(({ subject, seq, time }) => ({ subject, seq, time })));
async function archivedFactsOf(run: string) {
  const history = await archivedRun(place(), dir, run, assert.fail);
  return history.entries().map(({ address: subject, seq, time }) => ({ subject, seq, time }));
}
/** Zeroes the end of the log on disk, while nobody uses it. @param share how much of the last block that has anything */
async function loseEnd(share: number): Promise<void> {
  const folder = join(dir, 'jetstream/jetstream/LOG/streams/REEL_0/msgs');
  await rm(join(folder, 'index.db'), { force: true });
  const blocks = (await readdir(folder))
    .filter((name) => name.endsWith('.blk'))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  const last = join(folder, blocks.at(-1) as string);
  const content = await readFile(last);
  await writeFile(last, content.fill(0, Math.floor(content.length * (1 - share))));
}
const lastPosition = async (): Promise<number> => withLog(dir, async (log) => (await Array.fromAsync(log.facts(0))).at(-1)?.seq ?? 0);

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'reel-archive-loss-'));
  dir = join(scratch, 'reel');
  await writeFile(join(scratch, 'tools.json'), JSON.stringify({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] }));
});
after(async () => {
  await stop();
  await rm(scratch, { recursive: true, force: true });
});

it('archives what is stored at positions that were lost, and keeps what stood there before', { timeout: 120_000 }, async () => {
  await start();
  const old: string[] = [];
  for (let n = 0; n < 6; n += 1) old.push(await finish(n));
  const before = await Promise.all(old.map(factsOf));
  await keep();
  assert.deepEqual(await missed(), { runs: [], files: [] });
  const reached = await lastPosition();
  await stop();
  await loseEnd(0.6);
  await assert.rejects(start(), /acknowledged facts are lost[\s\S]*--accept-loss/);
  await start(true);
  const first = await finish(100);
  assert.ok(
    (await factsOf(first)).every(({ seq }) => seq <= reached),
    'its positions are used again',
  );
  assert.ok((await missed()).runs.includes(first));
  await keep();
  assert.deepEqual(await missed(), { runs: [], files: [] });
  assert.deepEqual(await archivedFactsOf(first), await factsOf(first));
  // What comes next begins among positions that the archive has had twice, and goes on beyond them.
  const more = await finishAll(8);
  assert.ok((await lastPosition()) > reached);
  assert.deepEqual((await missed()).runs, more.toSorted());
  await keep();
  assert.deepEqual(await missed(), { runs: [], files: [] });
  for (const run of more) assert.deepEqual(await archivedFactsOf(run), await factsOf(run));
  for (const [index, run] of old.entries()) {
    const kept = new Set((await archivedFactsOf(run)).map((fact) => JSON.stringify(fact)));
    for (const fact of [...(before[index] ?? []), ...(await factsOf(run))]) assert.ok(kept.has(JSON.stringify(fact)), JSON.stringify(fact));
  }
  assert.equal((await keep()).facts, 0);
  for (const run of [first, ...more]) assert.deepEqual((await verify(run, { dir, archive: place() })).findings, []);
});

it('does not take a second loss of the same positions for one that was accepted', { timeout: 60_000 }, async () => {
  await stop();
  await start();
  await stop();
  await loseEnd(0.5);
  await assert.rejects(start(), /acknowledged facts are lost[\s\S]*--accept-loss/);
  await start(true);
  assert.equal((await keep()).gone.length, 0);
});

it('misses volumes at its end, and archives again what the log has of them', { timeout: 60_000 }, async () => {
  const run = await finish(200);
  await keep();
  const files = await readdir(place());
  const manifest = files
    .filter((name) => name.endsWith('.json'))
    .sort()
    .at(-1) as string;
  const number = manifest.slice(0, -'.json'.length);
  for (const name of files.filter((one) => one.startsWith(number))) await rm(join(place(), name));
  assert.deepEqual((await missed()).files, [manifest]);
  const { findings } = await verify(undefined, { dir, archive: place() });
  assert.ok(
    findings.some(({ rule, address }) => rule === 'archive' && address === manifest),
    JSON.stringify(findings),
  );
  await assert.rejects(
    archivedRun(place(), dir, run, (damaged) => {
      throw damaged;
    }),
    /is missing, and \d+ volumes were written/,
  );
  const { gone, runs } = await keep();
  assert.deepEqual([gone.map(({ file }) => file), runs > 0], [[manifest], true]);
  assert.deepEqual(await missed(), { runs: [], files: [] });
  assert.deepEqual(await archivedFactsOf(run), await factsOf(run));
});

it('misses itself when all of it is gone', { timeout: 60_000 }, async () => {
  await rm(place(), { recursive: true });
  const { files, runs } = await missed();
  assert.ok(files.length > 0 && runs.length > 0);
  assert.equal((await keep()).gone.length, files.length);
});
