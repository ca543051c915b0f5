/** The log verified and archived by an operator on the command line, read back from there, and gone from the log. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openLog } from '@reel/bus/jetstream/event-log.ts';
import { openRunCache } from '@reel/bus/jetstream/run-cache.ts';
import type { ArchiveStore } from '@reel/bus/operator/archive-store.ts';
import { encode } from '@reel/bus/runtime/envelope-codec.ts';
import { blobSubject, pack } from '@reel/bus/runtime/large-values.ts';
import { publishOne } from '@reel/bus/runtime/publish.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { archive, archivedRun, withShelf } from '@reel/scripts/archive/archive.ts';
import { folderShelf } from '@reel/scripts/archive/folder.ts';
import { EXIT } from '@reel/scripts/cli/exit-codes.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { withLog } from '@reel/scripts/local/operator.ts';
import { verify } from '@reel/scripts/verify/verify.ts';
import { nanos } from 'nats';
import { callReel, type Done } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

let reel: LocalReel;
let archived: string;

const cli = (...args: string[]): Promise<Done> => callReel(reel, args);
/** A run of a sound archive. */
const shown = (place: string, run: string) => archivedRun(place, reel.local.dir, run, assert.fail);
const asUser = (name: string) => connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, name);
const echo = (value: unknown): object => ({ name: 'echo', steps: [{ id: 'e', uses: 'echo', with: { value } }] });

/** A service could not handle a fact of a run that is long over. */
async function sayFault(run: string): Promise<void> {
  const connection = await asUser('validator');
  const reader = await openRunCache(connection, 1);
  const { entries } = await reader.read(0, run);
  const [first] = entries;
  const voice = { source: 'validator', shard: 0, run, cause: first?.address };
  const problem = { code: 'x', message: 'too late to matter' };
  await publishOne(
    openLog('validator', connection, reader),
    voice,
    faultRaised({ kind: 'fault', id: 'validator', n: first?.seq as number }, { event: first?.address as string, problem }),
  );
  reader.close();
  await connection.close();
}

/** A fact of a run of which the large value was lost. @returns its address, and how to bring the value back. */
async function sayWithoutValue(run: string): Promise<{ address: string; digest: string; mend(): Promise<void> }> {
  const place = { kind: 'fault', id: 'validator', n: 1 };
  const draft = faultRaised(place, { event: `reel.0.${run}.run.run.1.request`, problem: { code: 'x', message: 'x'.repeat(100_000) } });
  const fact = encode(draft, { shard: 0, run, ...place, slot: draft.slot }, 'validator', undefined, undefined, Date.now());
  const { body, blobs } = pack(fact);
  const { digest, body: value } = blobs[0] as (typeof blobs)[0];
  const store = async (subject: string, what: string): Promise<void> => {
    const connection = await asUser('provisioner');
    const { error } = (await connection.request(subject, what, { timeout: 5000 })).json<{ error?: object }>();
    await connection.close();
    assert.equal(error, undefined);
  };
  await store(fact.id, body);
  return { address: fact.id, digest, mend: () => store(blobSubject({ shard: 0, writer: 'validator', run, digest }), value) };
}

before(async () => {
  reel = await startReel({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] });
  archived = join(reel.dir, 'archive');
  while ((await reel.ask<{ tools: unknown[] }>('GET', '/v1/tools')).body.tools.length < 6);
});
after(() => reel.close());

/** What `reel archive` does, here. */
const keep = (place: string, beforeMs = Date.now()) =>
  withShelf(place, reel.local.dir, (shelf) => withLog(reel.local.dir, (log, shards) => archive(log, shards, shelf, beforeMs)));
/** What `reel verify` does, here: how many runs there are, and what is wrong with them. */
async function verified(options: { run?: string; since?: string; until?: string; archive?: string } = {}) {
  const { run, ...rest } = options;
  const { runs, findings } = await verify(run, { dir: reel.local.dir, ...rest });
  return { runs, findings: findings.map(({ rule, address }) => `${rule} ${address}`) };
}
const clean = (runs: number) => ({ runs, findings: [] });

describe('the log of an installation', () => {
  let small: string;
  let large: string;

  it('is verified without a finding: all of it, one run, and those of some time', async () => {
    ({ id: small } = await reel.finish(echo(1)));
    ({ id: large } = await reel.finish(echo(2), { text: 'x'.repeat(100_000) }));
    const all = await cli('verify');
    assert.match(all.stdout, /^2 runs, \d+ facts, 0 findings, \d+ facts\/s\n$/);
    assert.equal(all.code, 0);
    assert.deepEqual(await verified({ run: small }), clean(1));
    assert.deepEqual(await verified({ since: '1h' }), clean(2));
    assert.deepEqual(await verified({ until: '1h' }), clean(0));
    await assert.rejects(verified({ run: 'nowhere' }), /there is nothing of a run "nowhere" in the log/);
    const unitless = await cli('archive', '--check', '--before', '7');
    assert.deepEqual([unitless.code, unitless.stdout], [EXIT.usage, '']);
    assert.match(unitless.stderr, /^--before is "7", and has to be a date .*or so long ago, with its unit/);
    await assert.rejects(verified({ since: '5m', until: '1h' }), /^Error: --since is "5m", and has to come before --until, which is "1h"/);
  });

  it('is archived once, with its large values, and what is not archived yet is told', async () => {
    const missing = await cli('archive', '--to', archived, '--before', '0s', '--check');
    assert.match(
      missing.stdout,
      new RegExp(`${small} +ended .* and is not archived[\\s\\S]*2 runs that ended before .*, which is not there`),
    );
    assert.equal(missing.code, 1);
    assert.equal(existsSync(archived), false, 'to look is not to archive');
    assert.equal((await keep(archived, Date.now() - 3_600_000)).runs, 0, 'they ended less than an hour ago');
    assert.match((await cli('archive', '--to', archived, '--before', '0s')).stdout, /^2 runs, \d+ facts in 1 new volumes/);
    assert.deepEqual(await keep(archived), { volumes: 0, runs: 0, facts: 0, lacking: [], gone: [] });
    assert.equal((await cli('archive', '--to', archived, '--before', '0s', '--check')).code, 0);
    const names = (await readdir(archived)).map((name) => name.replace(/-[0-9a-f]{12}/, ''));
    assert.deepEqual(names.sort(), ['000001.facts.zst', '000001.index.zst', '000001.json']);
  });

  it('is shown and verified from the archive as if it were live', async () => {
    const live = await cli('show', large);
    assert.equal((await cli('show', large, '--archive', archived)).stdout, live.stdout);
    const kept = await shown(archived, large);
    assert.deepEqual(kept.entries(), (await reel.log(large)).entries);
    assert.deepEqual(await verified({ archive: archived }), clean(2));
    assert.deepEqual(await verified({ archive: archived, run: small }), clean(1));
    assert.deepEqual(await verified({ archive: archived, until: '1h' }), clean(0));
    await assert.rejects(verified({ archive: archived, run: 'nowhere' }), /there is nothing of a run "nowhere" in/);
  });

  it('gives to the archive what was said of a run afterwards, and only that', async () => {
    await sayFault(small);
    const { id: third } = await reel.finish(echo(3));
    assert.deepEqual(await keep(archived), {
      volumes: 1,
      runs: 1,
      facts: (await reel.log(third)).entries.length + 1,
      lacking: [],
      gone: [],
    });
    const kept = await shown(archived, small);
    assert.deepEqual(kept.entries(), (await reel.log(small)).entries);
    assert.equal(kept.entries().at(-1)?.at.kind, 'fault');
    assert.deepEqual(await verified({ archive: archived }), clean(3));
  });

  it('is archived while it is written to, and by two at once, without a run lost', async () => {
    const runs = Promise.all(Array.from({ length: 6 }, (_, n) => reel.finish(echo(n))));
    await Promise.allSettled([keep(archived), keep(archived)]);
    await runs;
    await keep(archived);
    assert.deepEqual(await verified({ archive: archived }), clean(9));
  });

  it('may be archived by somebody who is killed before any of its files, or after: who comes next archives it all', async () => {
    for (let files = 0; files <= 3; files += 1) {
      const place = join(reel.dir, `killed-${files}`);
      const sound = folderShelf(place);
      let written = 0;
      const write = async (put: () => Promise<void>): Promise<void> => {
        if (written === files) throw new Error('killed');
        written += 1;
        await put();
      };
      const dying: ArchiveStore = {
        ...sound,
        write: (name, content) => write(() => sound.write(name, content)),
        writeOnce: (name, content) => write(() => sound.writeOnce(name, content)),
      };
      const archiving = withLog(reel.local.dir, (log, shards) => archive(log, shards, dying, Date.now()));
      await (files < 3 ? assert.rejects(archiving, /killed/) : archiving);
      await keep(place);
      assert.deepEqual(await verified({ archive: place }), clean(9), `after ${files} files`);
    }
  });

  it('goes to the Object Store as well', async () => {
    const bucket = 'nats-object-store:kept';
    assert.equal((await keep(bucket)).runs, 9);
    assert.equal((await keep(bucket)).runs, 0);
    assert.deepEqual(await verified({ archive: bucket }), clean(9));
    assert.deepEqual((await shown(bucket, large)).entries(), (await reel.log(large)).entries);
    // A stream takes a thousand consumers, and the client's stay for minutes: an archive has many files.
    const connection = await asUser('provisioner');
    const { state, config } = await (await jetstreamManager(connection)).streams.info('OBJ_kept');
    await connection.close();
    assert.deepEqual([state.consumer_count, config.num_replicas], [0, 1]);
  });

  it('is read from an archive that is there, and what is to be read is not made', { timeout: 120_000 }, async () => {
    const empty = join(reel.dir, 'empty');
    await mkdir(empty);
    const buckets = async (): Promise<string[]> => {
      const connection = await asUser('provisioner');
      const names = await Array.fromAsync((await jetstreamManager(connection)).streams.names());
      await connection.close();
      return names.filter((name) => name.startsWith('OBJ_'));
    };
    const wanted = 'expected a folder, or nats-object-store:BUCKET, that `reel archive` has written to';
    const [nowhere, bucket] = [join(reel.dir, 'typo'), 'nats-object-store:nope'];
    for (const [place, why] of [
      [nowhere, `--archive is "${nowhere}", and ${nowhere} is not there: ${wanted}`],
      [bucket, `--archive is "${bucket}", and ${bucket} is not there: ${wanted}`],
      ['nats-object-store:', 'the bucket in "nats-object-store:" is called "", and its name has to be 1 to 251 of A-Z a-z 0-9 _ -'],
    ] as const) {
      assert.deepEqual(await cli('verify', '--archive', place), { code: EXIT.usage, stdout: '', stderr: `${why}\n` });
      await assert.rejects(verified({ archive: place, run: small }), { message: why });
      await assert.rejects(shown(place, small), { message: why });
    }
    const without = `--archive is "${empty}", and ${empty} holds no archive (there is no 000001.json in it): ${wanted}`;
    await assert.rejects(verified({ archive: empty }), { message: without });
    await assert.rejects(verified({ archive: 'nats-object-store:a b' }), /is called "a b", and its name has to be 1 to 251 of/);
    const check = await cli('archive', '--to', bucket, '--before', '0s', '--check');
    assert.match(check.stdout, /^9 runs that ended before .* are not in nats-object-store:nope, which is not there$/m);
    assert.equal(check.code, 1);
    assert.equal(existsSync(nowhere), false);
    assert.deepEqual(await buckets(), ['OBJ_kept']);
    assert.equal((await keep(empty)).runs, 9);
    assert.deepEqual(await verified({ archive: empty }), clean(9));
  });

  it('is not archived where a value is lost, and that is told until it is there', async () => {
    const other = join(reel.dir, 'other');
    const { id } = await reel.finish(echo('without'));
    const { address, digest, mend } = await sayWithoutValue(id);
    const lacking = await cli('archive', '--to', other, '--before', '0s');
    assert.match(lacking.stdout, new RegExp(`^${id}  is not archived: the value ${digest} of ${address} is not in the log\n9 runs, `));
    assert.equal(lacking.code, 1);
    const check = await cli('archive', '--to', other, '--before', '0s', '--check');
    assert.match(check.stdout, new RegExp(`^${id}  ended .*, and is not archived\n1 runs`));
    assert.equal(check.code, 1);
    const again = await cli('archive', '--to', other, '--before', '0s', '--json');
    assert.deepEqual(JSON.parse(again.stdout), {
      place: other,
      volumes: 0,
      runs: 0,
      facts: 0,
      lacking: [{ run: id, address, digest }],
    });
    await mend();
    const mended = await cli('archive', '--to', other, '--before', '0s');
    assert.match(mended.stdout, /^1 runs, \d+ facts in 1 new volumes/);
    assert.equal(mended.code, 0);
    assert.deepEqual((await shown(other, id)).entries(), (await reel.log(id)).entries);
  });

  it('is missed by nobody when it has aged out', async () => {
    const connection = await asUser('provisioner');
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const { config } = await manager.streams.info('REEL_0');
    await manager.streams.update('REEL_0', { ...config, max_age: nanos(100), duplicate_window: nanos(100) });
    while ((await manager.streams.info('REEL_0')).state.messages > 0);
    await connection.close();
    assert.deepEqual(await verified(), clean(0));
    assert.match((await cli('show', large, '--archive', archived)).stdout, /run completed/);
    assert.deepEqual(await verified({ archive: archived }), clean(9));
  });

  it('is told of by a manifest, and a damaged one hides no other volume', async () => {
    const other = join(reel.dir, 'manifests');
    await cp(archived, other, { recursive: true });
    const manifest = join(other, '000001.json');
    const written = await readFile(manifest, 'utf8');
    await writeFile(manifest, written.replace('"runs": 2', '"runs": 3'));
    const edited = await verified({ archive: other });
    assert.ok(edited.findings.includes('archive 000001.json'), edited.findings.join());
    await writeFile(manifest, 'rubbish');
    const unreadable = await cli('show', large, '--archive', other);
    assert.match(unreadable.stderr, /000001\.json is damaged: it is no manifest of this version/);
    await rm(manifest);
    const missing = await verified({ archive: other });
    assert.ok(missing.findings.includes('archive 000001.json') && missing.runs > 0, JSON.stringify(missing));
    await assert.rejects(keep(other), /000001\.json is damaged: it is missing, and 000002\.json is there/);
  });

  it('is named where its archive is damaged, and the rest is read all the same', async () => {
    const [name = ''] = (await readdir(archived)).filter((file) => /^000002.*facts/.test(file));
    const content = await readFile(join(archived, name));
    content[20] = (content[20] as number) ^ 1;
    await writeFile(join(archived, name), content);
    const damaged = await cli('verify', '--archive', archived);
    assert.equal(damaged.code, 1);
    assert.match(damaged.stdout, new RegExp(`^archive +${name} +.*is damaged: it has the SHA-256`, 'm'));
    assert.match(damaged.stdout, /^8 runs, .* 1 finding,/m);
    // What was archived of it before stands elsewhere; that this is not all of it is said.
    const partly = await cli('show', small, '--archive', archived);
    assert.match(partly.stdout, /run completed/);
    assert.deepEqual([partly.code, partly.stderr.includes(`${name} is damaged`)], [1, true]);
    const index = (await readdir(archived)).find((file) => /^000003.*index/.test(file)) ?? assert.fail('there is no third volume');
    await writeFile(join(archived, index), 'rubbish');
    assert.match((await cli('show', large, '--archive', archived)).stdout, /run completed/);
  });
});
