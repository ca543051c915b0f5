/**
 * Everything that a configuration gives to a server comes back from it, in every place that an answer has and in every common encoding. None
 * of it is in a fact, an answer, an announcement, the registry, what is shown, or what processes and commands print.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@reel/bus/jetstream/connect.ts';
import type { Run } from '@reel/gateway/shapes.ts';
import { watch } from '@reel/scripts/cli/api.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { SERVICES } from '@reel/services/main.ts';
import { callReel } from '../fixtures/cli.ts';
import { CALLS, encodings, PROMPTS, serveEchoes } from '../fixtures/echo-server.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const SECRETS = {
  URL_TOKEN: 'url-tok3n/with+odd&letters=',
  HEADER_TOKEN: 'hdr_9f8e7d6c5b4a',
  API_KEY: 'k"quoted"\\and-back5lash',
  API_PASSWORD: 'pässw0rd ünd mehr',
  QUERY_KEY: 'q-77-key ?#%',
  COOKIE_KEY: 'c00kie-value-1',
  PIPE_TOKEN: 'pipe_s3cret_value',
  MODEL_KEY: 'sk-m0del-key-abcdef',
  BROKEN_TOKEN: 'br0ken-token-xyz',
  PATH_TOKEN: 'T000webhook1234567890abcdef',
};

let dir: string;
let reel: LocalReel;
let servers: Awaited<ReturnType<typeof serveEchoes>>;
let output = '';
const said: string[] = [];
let executors: ReturnType<typeof spawn>;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-secrets-'));
  servers = await serveEchoes();
  const at = servers.place;
  const ref = (name: keyof typeof SECRETS): string => `\${${name}}`;
  const tools = {
    servers: {
      web: {
        url: `http://${at}/mcp/${ref('PATH_TOKEN')}?token=${ref('HEADER_TOKEN')}`,
        headers: { authorization: `Bearer ${ref('HEADER_TOKEN')}`, 'x-key': ref('API_KEY') },
      },
      broken: { url: `http://${at}/broken?token=${ref('BROKEN_TOKEN')}` },
      pipe: { command: process.execPath, args: [join(import.meta.dirname, '../fixtures/echo-pipe.ts')], env: { TOKEN: ref('PIPE_TOKEN') } },
      dead: {
        command: process.execPath,
        args: ['-e', 'console.error(process.env.TOKEN); process.exit(3)'],
        env: { TOKEN: ref('PIPE_TOKEN') },
      },
    },
    apis: {
      api: {
        document: `http://${at}/api/document?key=${ref('BROKEN_TOKEN')}`,
        credentials: { basic: `${ref('API_USER' as never)}:${ref('API_PASSWORD')}`, query: ref('QUERY_KEY'), cookie: ref('COOKIE_KEY') },
      },
    },
  };
  const models = { models: [{ name: 'echo', baseUrl: `http://${at}/v1`, apiKey: ref('MODEL_KEY'), capabilities: ['say'] }] };
  await writeFile(join(dir, 'tools.json'), JSON.stringify(tools));
  await writeFile(join(dir, 'models.json'), JSON.stringify(models));
  reel = await startReel({ services: SERVICES.filter((name) => !name.endsWith('-executor')) });
  process.env['REEL_API'] = reel.api;
  const { OPENAI_API_KEY: _, ...env } = reel.local.env;
  executors = spawn(process.execPath, [join(import.meta.dirname, '../../services/main.ts'), 'tool-executor', 'model-executor'], {
    env: {
      ...env,
      ...SECRETS,
      API_USER: 'ada',
      REEL_LOG: 'debug',
      REEL_TOOLS: join(dir, 'tools.json'),
      REEL_MODELS: join(dir, 'models.json'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const serving = Promise.withResolvers<void>();
  for (const stream of [executors.stdout, executors.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      if (output.split('"msg":"serving"').length > 2) serving.resolve();
    });
  executors.once('exit', () => serving.reject(new Error(output)));
  await serving.promise;
});
after(async () => {
  executors.kill();
  await reel.close();
  servers.close();
  await rm(dir, { recursive: true });
});

const steps = [
  ...[...CALLS, 'pipe-echo', 'api-echo', 'api-query', 'api-cookie', 'api-problem', 'api-moved', 'pipe-dies'].map((uses) => ({
    id: uses,
    uses,
  })),
  ...PROMPTS.map((prompt) => ({ id: `say-${prompt}`, kind: 'model', uses: 'echo', prompt })),
].map((step) => ({ ...step, optional: true }));

it('nothing that was given to a server leaves the process again', async () => {
  const { body } = await reel.ask<Run>('POST', '/v1/runs', { workflow: { name: 'echo', steps } });
  const shown = new Map<string, string>();
  for await (const one of watch(body.id, { tokens: true })) {
    said.push(JSON.stringify(one));
    if ('text' in one) shown.set(one.at.id, (shown.get(one.at.id) ?? '') + one.text);
  }
  said.push(...shown.values());
  const { entries, findings } = await reel.log(body.id);
  assert.deepEqual(findings, []);
  said.push(JSON.stringify(entries));
  const done = await reel.ask<Run>('GET', `/v1/runs/${body.id}`);
  said.push(JSON.stringify(done.body));
  // What nobody repeats cannot be missed: each of them has answered or failed in its own way.
  for (const { id } of steps)
    assert.ok(
      entries.some((entry) => 'at' in entry && entry.at.id === id && entry.at.slot === 'outcome'),
      id,
    );
  assert.ok(JSON.stringify(entries).split('(secret)').length > 100);
  assert.ok([...shown.values()].join('').includes('(secret)'));
  for (const path of ['/v1/tools', '/v1/components', '/v1/runs', `/v1/runs/${body.id}/events`])
    said.push(JSON.stringify((await reel.ask('GET', path)).body));
  for (const command of [['show', body.id], ['tools', '--json'], ['components']]) {
    const { stdout, stderr } = await callReel(reel, command);
    said.push(stdout, stderr);
  }
  said.push(...(await stored()), output);
  assert.ok(output.includes('(secret)'));
  const all = said.join('\n');
  const there = Object.entries(SECRETS).flatMap(([name, secret]) =>
    [...encodings(secret), Buffer.from(`ada:${secret}`).toString('base64'), Buffer.from(`Bearer ${secret}`).toString('base64')]
      .filter((form) => all.includes(form))
      .map((form) => `${name} as ${form}: …${all.slice(Math.max(0, all.indexOf(form) - 200), all.indexOf(form) + 100)}`),
  );
  assert.deepEqual(there, []);
});

/** Every message of every stream, as it stands there. */
async function stored(): Promise<string[]> {
  const connection = await connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, 'provisioner');
  const manager = await jetstreamManager(connection);
  const all: string[] = [];
  for await (const { config, state } of manager.streams.list()) {
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const message = await manager.streams.getMessage(config.name, { seq }).catch(() => null);
      if (message !== null) all.push(`${message.subject} ${message.string()}`);
    }
  }
  await connection.close();
  return all;
}
