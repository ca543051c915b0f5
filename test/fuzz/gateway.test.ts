/**
 * Whatever is sent to the gateway, it answers, and says what was wrong: never a 500, never silence, and others are served meanwhile.
 * A fixed sample; REEL_FUZZ_CASES=20000 is the long form, and REEL_FUZZ_SEED another one.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { freePort } from '@reel/scripts/local/free-port.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { NO_MODEL } from '@reel/scripts/local/no-model.ts';
import { until } from '@reel/scripts/local/until.ts';
import { SERVICES } from '@reel/services/main.ts';
import fc from 'fast-check';
import { type Answer, exchange } from './exchange.ts';
import { startPulse } from './pulse.ts';
import { type Case, type Known, requests } from './requests.ts';

const CASES = Number(process.env['REEL_FUZZ_CASES'] ?? 2000);
const SEED = Number(process.env['REEL_FUZZ_SEED'] ?? 11);
/** How many questions wait for a person. */
const HELD = 20;
/** How many are sent at a time. */
const TOGETHER = 8;

let local: Local;
let child: ChildProcess;
let dir: string;
let port: number;
const ask = async <T>(path: string, body?: object, headers = {}): Promise<T> => {
  const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...sent, headers: { 'content-type': 'application/json', ...headers } });
  return (await response.json()) as T;
};

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-fuzz-'));
  await writeFile(join(dir, 'tools.json'), JSON.stringify({ servers: {}, modules: [join(import.meta.dirname, '../fixtures/tools.ts')] }));
  port = await freePort();
  // A process of its own, so that what is measured of it is not the work of this one.
  const env = { ...NO_MODEL, REEL_PORT: String(port), REEL_TOOLS: join(dir, 'tools.json') };
  local = await startLocal({ dir: join(dir, 'reel'), services: [], env, logLevel: 'silent' });
  child = await local.spawn(SERVICES);
  await until(async () => (await ask<{ tools: unknown[] }>('/v1/tools')).tools.length >= 5);
});
after(async () => {
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

/** The operations as the gateway describes them, one run of each sort, and what waits for a person. */
async function known(): Promise<Known> {
  type Operation = { parameters?: { in: string; name: string }[] };
  const { paths } = await ask<{ paths: { [path: string]: { [method: string]: Operation } } }>('/openapi.json');
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => ({
      method: method.toUpperCase(),
      path,
      query: parameters.filter((one) => one.in === 'query').map(({ name }) => name),
    })),
  );
  const done = await ask<{ id: string }>(
    '/v1/runs',
    { workflow: { name: 'd', steps: [{ id: 'a', uses: 'echo', with: { value: 1 } }] } },
    { prefer: 'wait=30' },
  );
  const person = { id: 'p', kind: 'person', prompt: 'well?', form: { type: 'object', properties: { ok: { type: 'boolean' } } } };
  let held = '';
  for (let n = 0; n < HELD; n += 1) held = (await ask<{ id: string }>('/v1/runs', { workflow: { name: 'h', steps: [person] } })).id;
  let approvals: { id: string }[] = [];
  await until(async () => {
    ({ approvals } = await ask<{ approvals: { id: string }[] }>('/v1/approvals'));
    return approvals.length >= HELD;
  });
  return { operations, runs: [done.id, held], approvals: approvals.map(({ id }) => id) };
}

/** Refused for what was asked, so that the field is named. */
const AT_FAULT: ReadonlySet<number> = new Set([400, 403, 406, 413, 415, 417, 421, 422]);
/** These are about the whole of what was sent. */
const WHOLE = ['/problems/malformed-request', '/problems/cut-off'];

function check({ status, headers, body }: Answer, headOnly: boolean, what: string): void {
  const said = `${status} to ${what}: ${body.slice(0, 600)}`;
  assert.ok(status >= 200 && status < 500, said);
  if (status < 400 || headOnly) return;
  assert.equal(headers.get('content-type'), 'application/problem+json', said);
  const problem = JSON.parse(body) as { type?: string; status?: number; title?: string; detail?: string; errors?: { path: string }[] };
  assert.equal(problem.status, status, said);
  assert.ok(problem.title && problem.detail && problem.type?.startsWith('/problems/'), said);
  if (!AT_FAULT.has(status) || WHOLE.includes(problem.type as string)) return;
  assert.ok((problem.errors ?? []).length > 0, `no field is named: ${said}`);
  for (const { path } of problem.errors ?? []) assert.match(path, /^(body|query|header|path)/, said);
}

async function answered(one: Case): Promise<void> {
  const { answers, end } = await exchange(port, one);
  assert.notEqual(end, 'silent', `nothing came to ${one.what}`);
  if (!one.broken) assert.equal(answers.length, one.answers, `closed without an answer: ${one.what}`);
  for (const answer of answers) check(answer, one.headOnly, one.what);
}

it(`answers ${CASES} requests of seed ${SEED}, whatever they are`, { timeout: 1_200_000 }, async (context) => {
  const of = requests(await known());
  const together = fc.array(of, { minLength: TOGETHER, maxLength: TOGETHER });
  const pulse = startPulse(port, child.pid as number);
  const begin = performance.now();
  await fc.assert(
    fc.asyncProperty(together, async (cases) => {
      await Promise.all(cases.map(answered));
      assert.deepEqual([child.exitCode, child.signalCode], [null, null], 'the process has ended');
    }),
    { seed: SEED, numRuns: Math.ceil(CASES / TOGETHER), interruptAfterTimeLimit: 1_100_000, markInterruptAsFailure: true },
  );
  const seconds = (performance.now() - begin) / 1000;
  const { p50Ms, p99Ms, mostMs, waitedMs, beats } = await pulse.measured();
  context.diagnostic(
    `${CASES} requests in ${seconds.toFixed(0)} s; /healthz: p50 ${p50Ms} ms, p99 ${p99Ms} ms, most ${mostMs} ms of ${beats}; ${waitedMs} ms more for want of a core`,
  );
  assert.ok(p99Ms < 200, `/healthz took ${p99Ms} ms (p99)`);
});
