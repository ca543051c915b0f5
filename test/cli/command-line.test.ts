/** The command line, as an operator uses it, against a running Reel. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { promisify } from 'node:util';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { encode } from '@reel/bus/runtime/envelope-codec.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { EXIT } from '@reel/scripts/cli/exit-codes.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { NO_MODEL } from '@reel/scripts/local/no-model.ts';
import { until } from '@reel/scripts/local/until.ts';
import { verify } from '@reel/scripts/verify/verify.ts';
import { callReel, type Done } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

let reel: LocalReel;
let dir: string;

const cli = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Done> => callReel(reel, args, { cwd: dir, env });

before(async () => {
  reel = await startReel({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] });
  process.env['REEL_API'] = reel.api;
  dir = await mkdtemp(join(tmpdir(), 'reel-cli-'));
  await until(async () => (await reel.ask<{ tools: unknown[] }>('GET', '/v1/tools')).body.tools.length >= 6);
  await writeFile(
    join(dir, 'ask.yaml'),
    'name: ask\nsteps:\n  - { id: p, kind: person, prompt: "well?", form: { type: object, required: [ok], properties: { ok: { type: boolean } } } }\n  - { id: e, uses: echo, dependsOn: [p], with: { value: = input.n } }\n',
  );
  await writeFile(join(dir, 'wrong.yaml'), 'name: wrong\nsteps:\n  - { id: a, uses: ecko, with: { value: 1 } }\n');
});
after(async () => {
  await rm(dir, { recursive: true, force: true });
  await reel.close();
});

it('runs, shows, lists and decides', async () => {
  const submitted = JSON.parse((await cli(['run', 'ask.yaml', '--input', '{"n":7}', '--json'])).stdout) as { id: string };
  const { local } = reel;
  let approvals: { id: string }[] = [];
  while (approvals.length === 0) approvals = JSON.parse((await cli(['approvals', '--json'])).stdout) as { id: string }[];
  assert.match((await cli(['show', submitted.id])).stdout, /p held +well\?[\s\S]*waits for ruling at reel\.0\..*owed by a person, since/);
  assert.match((await cli(['runs'])).stdout, new RegExp(`${submitted.id} +running +ask +local .* 1 held`));
  const wrong = await cli(['approve', approvals[0]?.id as string, '--who', 'grace', '--form', '{}']);
  assert.match(wrong.stderr, /ok/);
  assert.equal(wrong.code, EXIT.usage);
  assert.match(
    (await cli(['approve', approvals[0]?.id as string, '--who', 'grace', '--form', '{"ok":true}'])).stdout,
    /granted by grace: "p" of run \S+; it goes on/,
  );
  const tail = await cli(['tail', submitted.id]);
  assert.equal(tail.code, 0);
  assert.match(tail.stdout, new RegExp(`npx reel approve ${approvals[0]?.id} --who YOU --form '\\{"ok":…\\}'`));
  assert.match(tail.stdout, /run completed +\{"e":\{"value":7\}\}/);
  assert.ok(local.api);
});

it('follows a run to its end, and cancels one', async () => {
  const { id } = JSON.parse((await cli(['run', 'ask.yaml', '--input', '{"n":7}', '--json'])).stdout) as { id: string };
  assert.match((await cli(['cancel', id, '--who', 'ada'])).stdout, /being cancelled, and its effects are undone/);
  const tail = await cli(['tail', id, '--json']);
  assert.equal(tail.code, 1);
  assert.equal((JSON.parse(tail.stdout.trim().split('\n').at(-1) as string) as { type: string }).type, 'run.outcome.cancelled');
});

it('points at what is wrong in a file, with its line', async () => {
  const { stderr, code } = await cli(['run', 'wrong.yaml']);
  assert.equal(code, EXIT.usage);
  assert.match(stderr, /3:\d+ .*ecko.*echo/);
  assert.match((await cli(['run', 'nowhere.yaml'])).stderr, /nowhere\.yaml cannot be read/);
  assert.match((await cli(['run', 'ask.yaml', '--input', '{'])).stderr, /--input is not JSON/);
  assert.match((await cli(['run', 'ask.yaml', '--input', '@no.json'])).stderr, /--input @no\.json: .*there is no such file.*JSON/);
  const limit = await cli(['runs', '--limit', 'x']);
  assert.equal(limit.stderr.match(/query\.limit/g)?.length, 1);
});

it('settles what a person has looked into', async () => {
  await writeFile(
    join(dir, 'broken.yaml'),
    'name: broken\nescalate: [{ to: ada, withinMs: 60000 }]\nsteps:\n  - { id: b, uses: broken, with: { of: 1 } }\n',
  );
  const { id } = JSON.parse((await cli(['run', 'broken.yaml', '--json'])).stdout) as { id: string };
  for await (const told of follow(id, AbortSignal.timeout(20_000))) if ('type' in told && told.type === 'step.verdict.held') break;
  assert.match((await cli(['settle', id, 'b', '--who', 'ada'])).stderr, /--done RESULT, or --retry, or --give-up/);
  assert.match(
    (await cli(['settle', id, 'c', '--retry', '--who', 'ada'])).stderr,
    /no person is asked about step "c".*waiting for a person there: b/,
  );
  assert.match((await cli(['settle', id, 'b', '--done', '{"value":"x"}', '--who', 'ada'])).stderr, /value/);
  assert.match((await cli(['settle', id, 'b', '--done', '{"value":3}', '--who', 'ada'])).stdout, /granted by ada/);
  assert.match((await cli(['tail', id])).stdout, /run completed +\{"b":\{"value":3\}\}/);
});

it('verifies the log while it is live, and names the fact that breaks a rule', async () => {
  const { id } = await reel.finish({ name: 'echo', steps: [{ id: 'e', uses: 'echo', with: { value: 1 } }] });
  const sound = await cli(['verify', id]);
  assert.match(sound.stdout, /^1 run, \d+ facts, 0 findings/);
  assert.equal(sound.code, 0);

  // Whoever has the broker's own credentials can say anything: here, of a fault with a fact that nobody has said.
  const place = { kind: 'fault', id: 'validator', n: 1 };
  const nowhere = `reel.0.${id}.tool.nowhere.1.outcome`;
  const draft = faultRaised(place, { event: nowhere, problem: { code: 'x', message: 'made up' } });
  const request = (await reel.log(id)).entries[0]?.address;
  const fact = encode(draft, { shard: 0, run: id, ...place, slot: draft.slot }, 'validator', request, undefined, Date.now());
  const admin = await connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, 'provisioner');
  const { error } = (await admin.request(fact.id, JSON.stringify(fact), { timeout: 5000 })).json<{ error?: object }>();
  await admin.close();
  assert.equal(error, undefined);

  const finding = `faulted  ${fact.id}  it is about ${nowhere}, which is not there`;
  for (const args of [['verify', id], ['verify']]) {
    const { code, stdout } = await cli(args);
    assert.equal(code, 1);
    assert.equal(stdout.split('\n')[0], finding);
    assert.match(stdout, /\n\d+ runs?[^\n]*, 1 finding, \d+ facts\/s\n$/);
  }
});

it('says that there is no such run, whatever was to be done with it', async () => {
  for (const args of [
    ['show', 'nope'],
    ['settle', 'nope', 's', '--retry', '--who', 'ada'],
  ]) {
    const said = { code: EXIT.missing, stdout: '', stderr: 'There is no such run: "nope" was never requested, or has aged out\n' };
    assert.deepEqual(await cli(args), said, args.join(' '));
  }
  // To the broker, each of these would be several runs at once, or none that can be.
  const message = (id: string): string => `There is no such run: its id is "${id}", and has to be 1 to 64 of A-Z a-z 0-9 _ -`;
  assert.deepEqual(await cli(['verify', '*']), { code: EXIT.usage, stdout: '', stderr: `${message('*')}\n` });
  for (const id of ['>', 'a.b', '', 'x'.repeat(65)]) await assert.rejects(verify(id, { dir: reel.local.dir }), { message: message(id) });
});

it('says what to do when no Reel is there', async () => {
  const { stderr, code } = await cli(['runs'], { REEL_API: 'http://127.0.0.1:1' });
  assert.equal(code, EXIT.unavailable);
  assert.match(stderr, /no Reel answers at http:\/\/127\.0\.0\.1:1[\s\S]*npx reel up/);
});

it('lists who is there, with what they offer', async () => {
  const { stdout } = await cli(['components']);
  assert.match(stdout, /^NAME +DOES +INSTANCES +SINCE +VERSION +OFFERS\n/);
  assert.match(stdout, /^planner +service +1 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +0\.1\.0$/m);
  assert.match(stdout, /^tool-executor +performs tool +1 +\S+ \S+ +0\.1\.0 +\d+ tools$/m);
  const { components } = JSON.parse((await cli(['components', '--json'])).stdout) as { components: { name: string }[] };
  assert.ok(components.some(({ name }) => name === 'gateway'));
});

it('lists tools, prints contracts as JSON Schemas, and the topology without a fault', async () => {
  assert.match((await cli(['tools'])).stdout, /book_hotel +world +idempotent +\d+ ms +cancel_hotel/);
  const contracts = JSON.parse((await cli(['contracts'])).stdout) as { facts: object; workflow: { properties: object } };
  assert.ok('step.outcome.succeeded' in contracts.facts);
  assert.ok('steps' in contracts.workflow.properties);
  const cast = await cli(['topology', '--check']);
  assert.equal(cast.stderr, '');
  assert.equal(cast.code, 0);
  assert.match(cast.stdout, /step\.verdict\.approved +policy +tool-executor, model-executor, human-executor/);
});

it('says what is wrong with policies before anything is judged by them, and the services do not start with it', async () => {
  const policies = join(dir, 'policies');
  await mkdir(policies);
  const write = (text: string): Promise<void> => writeFile(join(policies, 'a.cedar'), text);
  const about = (condition: string): string =>
    `permit (principal, action, resource);\nforbid (principal, action == Action::"step", resource == Tool::"echo")\nwhen { ${condition} };\n`;
  await write(about('context has argments && context.argments.value > 3'));
  const wrong = `${join(policies, 'a.cedar')}:3:20: context never has "argments": it has arguments, findings, input, run, step; did you mean "arguments"?`;
  const refused = await cli(['policy', 'check', policies]);
  assert.deepEqual(refused, { code: 1, stdout: '', stderr: `reel: ${wrong}\n` });
  const env = { REEL_POLICIES: policies };
  const up = await cli(['up', '--dir', join(dir, 'up'), '--port', '0', '--nats-port', '0'], env);
  assert.equal(up.code, 1);
  assert.ok(up.stderr.includes(wrong), up.stderr);
  await write(about('context.arguments has valeu && context.arguments.valeu > 3'));
  const warned = await cli(['policy', 'check'], env);
  assert.equal(warned.code, 0);
  assert.match(warned.stdout, /^2 policies in .* can be used: sha256:/);
  assert.match(warned.stderr, /^warning: .*a\.cedar:3:30: none of echo takes "valeu"; did you mean "value"\?\n$/);
  // Without a Reel nothing is known of tools, unless that is insisted on.
  const alone = { ...env, REEL_API: 'http://127.0.0.1:1' };
  assert.deepEqual(
    [(await cli(['policy', 'check'], alone)).stderr, (await cli(['policy', 'check', '--tools'], alone)).code],
    ['', EXIT.unavailable],
  );
});

it('names the policies when it starts, and warns of tools that they name and nothing offers', async () => {
  const policies = join(dir, 'policies');
  await writeFile(
    join(policies, 'a.cedar'),
    'permit (principal, action, resource);\nforbid (principal, action, resource == Tool::"ecko");\n',
  );
  const tools = join(dir, 'tools.json');
  await writeFile(tools, JSON.stringify({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] }));
  const env = { ...process.env, ...NO_MODEL, REEL_POLICIES: policies, REEL_TOOLS: tools };
  const args = [join(import.meta.dirname, '../../scripts/reel.ts'), 'up', '--dir', join(dir, 'named'), '--port', '0', '--nats-port', '0'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until(() => Promise.resolve(said.includes('Stop with Ctrl-C') || child.exitCode !== null));
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
  assert.match(said, /rules +2 in .*policies/);
  assert.match(said, /warning: .*a\.cedar:2:\d+: no tool is called "ecko"; did you mean "echo"\?/);
});

it('ends with the class of the trouble', async () => {
  const codes: [args: string[], code: number, env?: NodeJS.ProcessEnv][] = [
    [['runs'], EXIT.done],
    [['--help'], EXIT.done],
    [['--version'], EXIT.done],
    [['runs', '--no-such-option'], EXIT.usage],
    [['no-such-command'], EXIT.usage],
    [['runs', '--status', 'strange'], EXIT.usage],
    [['run', 'wrong.yaml'], EXIT.usage],
    [['run', 'nowhere.yaml'], EXIT.usage],
    [['show', 'no-such-run'], EXIT.missing],
    [['approve', '0.no.tool.x.1', '--who', 'ada'], EXIT.missing],
    [['runs'], EXIT.unavailable, { REEL_API: 'http://127.0.0.1:1' }],
  ];
  for (const [args, code, env] of codes) assert.equal((await cli(args, env)).code, code, args.join(' '));
  const fails = await cli(['run', 'ask.yaml', '--input', '{}', '--json']);
  const { id } = JSON.parse(fails.stdout) as { id: string };
  await cli(['cancel', id]);
  assert.equal((await cli(['tail', id])).code, EXIT.no);
});

it('says which version it is, completes in bash, and takes an address as people write it', async () => {
  assert.match((await cli(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  const asked = [
    ['reel', 'runs', '--st'],
    ['reel', 'app'],
    ['npx', 'reel', 'runs', '--st'],
    ['npx', 'reel', 'app'],
  ];
  const { stdout: bash } = await cli(['completion', 'bash']);
  const inBash = asked.map((words) => `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _reel; echo "\${COMPREPLY[@]}"`);
  const completed = await promisify(execFile)('bash', ['-c', [bash, ...inBash].join('\n')]);
  assert.equal(completed.stdout, '--status\napprovals approve\n--status\napprovals approve\n');
  const { stdout: zsh } = await cli(['completion', 'zsh']);
  assert.match(zsh, /compdef _reel reel npx/);
  // zsh is not everywhere; its own functions are told apart from what this script hands to them.
  const inZsh = asked.map((words) => `words=(${words.join(' ')}); CURRENT=${words.length}; _reel`);
  const own = 'compdef() { }; _files() { }; compadd() { shift; print -- $@ }';
  const ran = await promisify(execFile)('zsh', ['-fc', [own, zsh, ...inZsh].join('\n')]).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (ran !== undefined) assert.match(ran.stdout, /^(.*--status.*\n.*approvals approve.*\n){2}$/);
  assert.equal((await cli(['completion', 'fish'])).code, EXIT.usage);
  assert.equal((await cli(['runs'], { REEL_API: reel.api.replace('http://', '') })).code, 0);
  const odd = await cli(['runs'], { REEL_API: 'htp://x y' });
  assert.deepEqual([odd.code, /REEL_API is "htp:..x y", which is no address/.test(odd.stderr)], [EXIT.usage, true], odd.stderr);
});

it('lists what the API can filter, with what it has cost', async () => {
  const { runs } = JSON.parse((await cli(['runs', '--workflow', 'ask', '--limit', '1', '--json'])).stdout) as {
    runs: { workflow: string }[];
  };
  assert.deepEqual(
    runs.map(({ workflow }) => workflow),
    ['ask'],
  );
  assert.match((await cli(['runs', '--workflow', 'nothing'])).stdout, /no runs/);
  assert.match((await cli(['runs'])).stdout, /COST/);
});

it('tells one slip once, in the file where it stands', async () => {
  await writeFile(
    join(dir, 'slip.yaml'),
    'name: slip\nsteps:\n  - { id: a, uses: echo, with: { value: = input.list[0].x } }\n  - { id: b, uses: echo, with: { value: 1 } }\n',
  );
  const slip = await cli(['run', 'slip.yaml']);
  const lines = slip.stderr.trimEnd().split('\n');
  assert.equal(lines.length, 2, slip.stderr);
  assert.match(lines[1] as string, /^ {2}slip\.yaml:3:\d+ {2}.*stands in quotes: "= …"$/);
  const wrong = await cli(['run', 'wrong.yaml']);
  assert.match(wrong.stderr, /\n {2}wrong\.yaml:3:\d+ {2}steps\[0\]\.uses: there is no tool "ecko"; did you mean "echo"\?/);
});

it('does not start where a Reel serves already, and says so; / says what this is', async () => {
  const again = await cli(['up', '--dir', reel.local.dir, '--port', '0', '--nats-port', '0']);
  assert.equal(again.code, EXIT.no);
  assert.match(again.stderr, /in use by process \d+/);
  const page = await fetch(`${reel.api}/`);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /This is Reel[\s\S]*\/openapi\.json/);
});
