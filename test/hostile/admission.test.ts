/** Whatever a module calls itself, or wants to say: what cannot be admitted is refused with the reason, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { ensureCredentials } from '@reel/bus/jetstream/credentials.ts';
import { accountsConfig } from '@reel/bus/provisioning/permissions.ts';
import { roleOf } from '@reel/bus/runtime/role.ts';
import { findServer } from '@reel/nats/find.ts';
import { admit } from '@reel/scripts/local/admit.ts';
import { writeCredentials } from '@reel/scripts/local/deployment.ts';
import { installationIn, rolesIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { load, SERVICES } from '@reel/services/main.ts';

let dir: string;
let local: Local;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-admission-'));
  local = await startLocal({ dir: join(dir, 'reel'), services: [], env: {}, logLevel: 'silent' });
});
after(async () => {
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

/** As a module may export it, whether the shape of a service lets it or not. */
type Module = { name: unknown; kind?: unknown; publishes?: readonly unknown[]; on?: object; shape?: string; more?: object };
let modules = 0;
async function moduleOf({
  name,
  kind,
  publishes = [],
  on = {},
  shape = kind === undefined ? 'service' : 'performer',
  more = {},
}: Module): Promise<string> {
  const service = { shape, name, ...(kind === undefined ? { publishes } : { kind, concurrency: 1, registry: false }), ...more };
  const file = join(dir, `module-${(modules += 1)}.mjs`);
  await writeFile(file, `export default { ...${JSON.stringify(service)}, on: ${JSON.stringify(on)}, perform: () => null };\n`);
  return file;
}
const slot = (about: string, name: string): object => ({ about, slot: name, type: `${about}.${name}.x` });

/** Every file there is, and what is in it. */
async function everything(): Promise<string[]> {
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && !/jetstream|module-/.test(join(entry.parentPath, entry.name)),
  );
  return await Promise.all(
    files.map(async ({ parentPath, name }) => `${join(parentPath, name)} ${await readFile(join(parentPath, name), 'utf8')}`),
  ).then((all) => all.sort());
}

const names: unknown[] = [
  '',
  ' ',
  '.',
  '..',
  '../x',
  '../../x',
  '/tmp/x',
  'a/b',
  'a\\b',
  'a.b',
  '*',
  '>',
  'a b',
  'a"b',
  "a'b",
  'a`b',
  '$(touch x)',
  'a;b',
  'a\nb',
  'a\u0000b',
  'a}',
  '{',
  '#',
  'a: b',
  '- a',
  '%41',
  'é',
  '\u202ea',
  '\u001b[2J',
  'A',
  'Policy',
  'x_y',
  '-a',
  'a-',
  '1a',
  'a'.repeat(64),
  '__proto__',
  7,
  null,
  {},
  ['a'],
  'operator',
  'provisioner',
  'sys',
  'system',
  'admin',
  'nats',
  'reel',
  ...SERVICES,
];
const kinds: unknown[] = [
  '',
  '*',
  '>',
  'a.b',
  'a"b',
  'A',
  'a b',
  '../x',
  'run',
  'plan',
  'answer',
  'vote',
  'fault',
  'claim',
  'step',
  'undo',
  'undo-x',
  'undo-tool',
  'tool',
  'model',
  'person',
  'x'.repeat(33),
  'x_y',
  7,
  null,
];
const deciding = [
  'step.verdict',
  'step.ruling',
  'run.verdict',
  'run.ruling',
  'plan.verdict',
  'answer.verdict',
  'undo.verdict',
  'vote.verdict',
  'step.outcome',
  'step.start',
  'step.check',
  'step.request',
  'run.closing',
  'run.outcome',
  'plan.proposal',
  'fault.fault',
];
const peoples = ['vote.request', 'run.request', 'run.control', 'claim.claim'];

const hostile: readonly (readonly [what: string, module: Module, why: RegExp])[] = [
  ...names.map((name) => [`the name ${JSON.stringify(name)}`, { name }, /its name is|no role that can be read: name/] as const),
  ...names.map(
    (name) => [`the performer ${JSON.stringify(name)}`, { name, kind: 'sms' }, /its name is|no role that can be read: name/] as const,
  ),
  ...kinds.map(
    (kind) => [`the kind ${JSON.stringify(kind)}`, { name: 'good', kind }, /its kind is|no role that can be read: kind/] as const,
  ),
  ...[...deciding, ...peoples].map(
    (said) =>
      [
        `a voice in ${said}`,
        { name: 'good', publishes: [slot(...(said.split('.') as [string, string]))] },
        /it says .*(alone to decide|--may-say)/,
      ] as const,
  ),
  ...(['step.*', 'step.>', 'step.a"b', 'step.a b', '*.verdict', 'nope.note'] as const).map(
    (said) =>
      [
        `a voice in ${said}`,
        { name: 'good', publishes: [slot(...(said.split('.') as [string, string]))] },
        /no role that can be read: publishes/,
      ] as const,
  ),
  ['the registry', { name: 'good', kind: 'sms', more: { registry: true } }, /only the tool-executor keeps it/],
  ['a crowd', { name: 'good', kind: 'sms', more: { concurrency: 1e9 } }, /no role that can be read: concurrency/],
];

it('what cannot be admitted is refused, and nothing of it is remembered or written', async () => {
  const before = await everything();
  for (const [what, module, why] of hostile) {
    const path = await moduleOf(module);
    await assert.rejects(admit(path, local.dir), why, `admit: ${what}`);
    await assert.rejects(writeCredentials(local.dir, [path]), why, `credentials: ${what}`);
    // One that is wrong keeps the others from being remembered too.
    await assert.rejects(writeCredentials(local.dir, [await moduleOf({ name: 'other' }), path]), why, `credentials: ${what}`);
  }
  assert.deepEqual(await everything(), before);
});

it('one name, and one kind, is for one service', async () => {
  await admit(await moduleOf({ name: 'sms-sender', kind: 'sms' }), local.dir);
  const before = await everything();
  for (const [module, why] of [
    [{ name: 'sms-sender' }, /belongs to another, which performs steps of kind sms/],
    [{ name: 'sms-sender', kind: 'fax' }, /belongs to another/],
    [{ name: 'sms-other', kind: 'sms' }, /its kind is "sms", which sms-sender performs/],
  ] as const)
    await assert.rejects(admit(await moduleOf(module), local.dir), why);
  await assert.rejects(
    writeCredentials(local.dir, [await moduleOf({ name: 'twin' }), await moduleOf({ name: 'twin' })]),
    /that of another at once/,
  );
  assert.deepEqual(await everything(), before);
  // The same once more is the same service in another version.
  await admit(await moduleOf({ name: 'sms-sender', kind: 'sms' }), local.dir);
});

it('what people say is said by a service that was expressly let, and what nobody else says by any', async () => {
  const path = await moduleOf({ name: 'voter', publishes: [slot('vote', 'request'), slot('step', 'note')] });
  await assert.rejects(admit(path, local.dir), /--may-say vote\.request/);
  await assert.rejects(admit(path, local.dir, ['run.control']), /--may-say vote\.request/);
  const role = await admit(path, local.dir, ['vote.request', 'run.control']);
  assert.deepEqual(role.publishes, [
    { about: 'vote', slot: 'request' },
    { about: 'step', slot: 'note' },
  ]);
  assert.deepEqual(((await rolesIn({ dir: local.dir })).find(({ name }) => name === 'voter') as { granted?: string[] }).granted, [
    'vote.request',
  ]);
  // Nothing makes it policy.
  const judge = await moduleOf({ name: 'judge', publishes: [slot('step', 'verdict')] });
  await assert.rejects(admit(judge, local.dir, ['step.verdict']), /for policy alone to decide/);
});

it('what an earlier version remembered is named and left out, and everything else starts', async () => {
  const at = join(dir, 'older');
  const cast = join(at, 'cast');
  await mkdir(cast, { recursive: true });
  const role = (more: object): string =>
    JSON.stringify({ name: 'x', shape: 'service', publishes: [], subscribes: [], clock: false, registry: false, concurrency: 1, ...more });
  const bad: [file: string, text: string][] = [
    ['a"b.json', role({ name: 'a"b' })],
    ['operator.json', role({ name: 'operator' })],
    ['policy.json', role({ name: 'policy' })],
    ['judge.json', role({ name: 'judge', publishes: [{ about: 'step', slot: 'verdict' }] })],
    ['voter.json', role({ name: 'voter', publishes: [{ about: 'vote', slot: 'request' }] })],
    ['second.json', role({ name: 'second', shape: 'performer', kind: 'tool' })],
    ['renamed.json', role({ name: 'honest' })],
    ['cut.json', '{"name":'],
    ['empty.json', ''],
    ['list.json', '[]'],
    ['null.json', 'null'],
    ['quotes.json', role({ name: 'quotes', subscribes: [{ about: 'run', slot: 'x" ] } } }' }] })],
  ];
  for (const [file, text] of [...bad, ['good.json', role({ name: 'good' })]] as const) await writeFile(join(cast, file), text);
  const told: string[] = [];
  const roles = await rolesIn({ dir: at }, (file, faults) => told.push(`${file}: ${faults.join('; ')}`));
  assert.deepEqual(
    roles.map(({ name }) => name),
    [...SERVICES, 'good'],
  );
  assert.deepEqual(told.map((text) => text.slice(0, text.indexOf('.json: ') + 5)).sort(), bad.map(([file]) => join(cast, file)).sort());
  const started = await startLocal({ dir: at, services: [], env: {}, logLevel: 'silent' });
  await started.stop();
});

it('a start after all of this is a start like any other', async () => {
  await local.stop();
  local = await startLocal({ dir: join(dir, 'reel'), services: [], env: {}, logLevel: 'silent' });
  assert.deepEqual(
    (await readdir(join(local.dir, 'credentials'))).sort(),
    [...SERVICES, 'operator', 'provisioner', 'sms-sender', 'voter'].map((name) => `${name}.nk`).sort(),
  );
});

it('any text is a string of the broker’s configuration, and no name leads out of the folder of keys', async () => {
  const own = await Promise.all(SERVICES.map(async (name) => roleOf(await load(name))));
  const server = await findServer();
  for (const text of ['a"b', 'a\\', '\\"', 'a\nb', '$HOME', '#', '}', "'", 'é\u202e', '\u0000', '// x', '/* x', 'include x']) {
    const roles = [...own, { ...(own[1] as (typeof own)[number]), name: text, subscribes: [{ about: 'run' as const, slot: text }] }];
    const file = join(dir, 'hostile.conf');
    await writeFile(
      file,
      accountsConfig({
        roles,
        shards: 1,
        publicKeys: await ensureCredentials(join(dir, 'keys'), [...SERVICES, 'provisioner', 'other']).then(
          (keys) => new Map([...keys, [text, keys.get('other') as string]]),
        ),
      }),
    );
    // -t reads the file, says whether it can, and starts nothing.
    let said = '';
    try {
      execFileSync(server, ['-t', '-c', file], { stdio: 'pipe' });
    } catch (error) {
      said = String((error as { stderr: Buffer }).stderr);
    }
    // A subject may be none; the file is one all the same.
    assert.match(said, /^$|is not a valid (publish )?subject|invalid subject/i, JSON.stringify(text));
  }
  for (const name of ['../x', 'a/b', '.', '', 'a\u0000', 'a.b'])
    await assert.rejects(ensureCredentials(join(dir, 'keys'), [name]), /cannot be the name of a service/);
  assert.ok(installationIn(dir));
});
