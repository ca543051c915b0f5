import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cacheFolders } from './cache.ts';
import { findServer, type Source } from './find.ts';
import { compareVersions, oldestVersion } from './version.ts';

let scratch: string;
let programs = 0;
const silent = (): void => {};

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'reel-find-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A folder with a nats-server in it that says it is of this version. */
async function pretend(version: string, folder = join(scratch, String(programs++))): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'nats-server'), `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(join(folder, 'nats-server'), 0o755);
  return folder;
}

test('versions are compared by their numbers, not their letters', () => {
  assert.ok(compareVersions('2.9.10', '2.14.0') < 0);
  assert.ok(compareVersions('v2.14.1', '2.14.0') > 0);
  assert.equal(compareVersions('2.14.0-RC.1', '2.14.0'), 0);
  assert.ok(compareVersions('3.0.0', '2.99.99') > 0);
});

test('a server named explicitly is taken, and before any other', async () => {
  const [named, other] = [await pretend('2.14.0'), await pretend('9.0.0')];
  assert.equal(await findServer({ env: { NATS_SERVER: `${named}/nats-server`, PATH: other } }), `${named}/nats-server`);
});

test('a server named explicitly that is too old is refused with both versions and what to do', async () => {
  const env = { NATS_SERVER: `${await pretend('2.9.10')}/nats-server`, PATH: await pretend('2.15.1') };
  await assert.rejects(findServer({ env }), (error: Error) => {
    assert.match(error.message, /version 2\.9\.10; Reel needs 2\.14\.0 or newer/);
    assert.match(error.message, /unset it to let Reel find one/);
    return true;
  });
});

test('a server named explicitly that is absent is refused', async () => {
  await assert.rejects(findServer({ env: { NATS_SERVER: join(scratch, 'absent') } }), /no nats-server runs there/);
});

test('a server on PATH that is too old is passed over for a newer one', async () => {
  const [old, fresh] = [await pretend('2.9.10'), await pretend('2.15.1')];
  assert.equal(await findServer({ env: { PATH: `${old}:${fresh}` } }), `${fresh}/nats-server`);
});

test("the cache is the user's, and the checkout's own for a user without a home", () => {
  assert.equal(cacheFolders({ XDG_CACHE_HOME: '/x', HOME: scratch })[0], '/x/reel');
  assert.equal(cacheFolders({ HOME: scratch })[0], join(scratch, '.cache', 'reel'));
  for (const env of [{}, { HOME: '' }, { HOME: join(scratch, 'absent') }]) {
    assert.match(cacheFolders(env)[0]!, /\.reel\/cache$/);
  }
});

test('a fetched server is kept, and not fetched again', async () => {
  const [env, folders] = [{ PATH: '' }, [join(scratch, 'cache')]];
  const source: Source = { name: 'a test', fetch: async (into) => join(await pretend('2.15.1', join(into, 'deep')), 'nats-server') };
  const said: string[] = [];
  const kept = await findServer({ env, folders, sources: [source], say: (line) => said.push(line) });
  assert.equal(kept, join(scratch, 'cache', 'nats-server'));
  assert.equal(said.length, 1);
  assert.equal(await findServer({ env, folders, sources: [] }), kept);
});

test('when nothing is found, the error says what was tried and what to do', async () => {
  const [env, folders] = [{ PATH: await pretend('2.9.10') }, [join(scratch, 'none')]];
  const sources: Source[] = [
    { name: 'the moon', fetch: () => Promise.reject(new Error('too far')) },
    { name: 'the attic', fetch: async (into) => join(await pretend('2.1.0', into), 'nats-server') },
  ];
  await assert.rejects(findServer({ env, folders, sources, say: silent }), (error: Error) => {
    assert.match(error.message, new RegExp(`No nats-server ${oldestVersion} or newer was found`));
    assert.match(error.message, /nats-server: is 2\.9\.10/);
    assert.match(error.message, /the moon: too far/);
    assert.match(error.message, /the attic: it has only 2\.1\.0/);
    assert.match(error.message, /set \$NATS_SERVER/);
    return true;
  });
});
