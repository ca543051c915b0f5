/** What a performer shows while it works, from a process of its own to whoever reads the run's events; and what it came to. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { ApprovalPage, Run, Submitted, Tokens } from '@reel/gateway/shapes.ts';
import { follow, watch } from '@reel/scripts/cli/api.ts';
import { admit } from '@reel/scripts/local/admit.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const teller = join(import.meta.dirname, '../extension/teller.ts');
/** Few enough that all of them may wait for a reader who stands still: what is too much is left out, and the README says so. */
const WORDS = 1000;
const made = (id: string): string => Array.from({ length: WORDS }, (_, index) => `${id}-${index + 1} `).join('');
/** Nothing is told before a person lets it be: by then whoever reads is reading. */
const workflow = {
  name: 'tell',
  steps: [
    { id: 'go', kind: 'person', prompt: 'now?', form: { type: 'object' } },
    { id: 'a', kind: 'tell', dependsOn: ['go'], with: { words: WORDS } },
    { id: 'b', kind: 'tell', dependsOn: ['go'], with: { words: WORDS } },
  ],
};

let reel: LocalReel;
before(async () => {
  reel = await startReel();
  process.env['REEL_API'] = reel.api;
  await admit(teller, reel.local.dir);
  await reel.local.spawn([teller]);
});
after(() => reel.close());

const submit = async (): Promise<string> => (await reel.ask<Submitted>('POST', '/v1/runs', { workflow })).body.id;
async function letGo(run: string): Promise<void> {
  const { body } = await reel.ask<ApprovalPage>('GET', `/v1/approvals?run=${run}`);
  await reel.ask('POST', `/v1/approvals/${body.approvals[0]?.id}`, { decision: 'grant', who: 'ada', why: 'ready', form: {} });
}

it('what is shown reaches readers who ask for it, in order and by step, and nothing of it is kept', async () => {
  const run = await submit();
  const shown: Tokens[] = [];
  const facts: string[] = [];
  for await (const one of watch(run, { tokens: true })) {
    if ('text' in one) shown.push(one);
    else if ('type' in one) facts.push(one.type);
    if ('type' in one && one.type === 'step.verdict.held') await letGo(run);
  }
  for (const id of ['a', 'b']) {
    const pieces = shown.filter(({ at }) => at.id === id);
    assert.deepEqual(pieces[0]?.at, { kind: 'tell', id, n: 1 });
    assert.equal(pieces.map(({ text }) => text).join(''), made(id));
    assert.ok(pieces.length < WORDS / 10, `${pieces.length} pieces: not one for each word`);
  }
  const { entries, findings } = await reel.log(run);
  assert.deepEqual(findings, []);
  assert.equal(facts.at(-1), 'run.outcome.completed');
  assert.equal(facts.length, entries.length);
  assert.ok(!JSON.stringify(entries).includes('a-1 '));
});

it('pieces are events without an id, and come only to those who ask', async () => {
  const run = await submit();
  const read = async (query: string): Promise<string[]> => {
    const response = await fetch(`${reel.api}/v1/runs/${run}/events${query}`, { headers: { accept: 'text/event-stream' } });
    return (await response.text()).split('\n\n').filter((frame) => frame.includes('event: tokens'));
  };
  const all = [read('?tokens=true'), read(''), read('?tokens=false')];
  for await (const one of follow(run)) if ('type' in one && one.type === 'step.verdict.held') await letGo(run);
  const [asked = [], ...others] = await Promise.all(all);
  assert.deepEqual(others, [[], []]);
  assert.ok(asked.length > 0);
  for (const frame of asked) assert.match(frame, /^event: tokens\ndata: \{"at":\{"kind":"tell","id":"[ab]","n":1\},"text":"[^"]+"\}$/);
  assert.equal((await reel.ask('GET', `/v1/runs/${run}/events?tokens=perhaps`)).status, 400);
});

it('the command line prints them as they come, each step under its name, and says in the end what they cost', async () => {
  const run = await submit();
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../scripts/reel.ts'), 'tail', run, '--tokens'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let waiting = true;
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (waiting && text.includes('go held')) await letGo(run);
    waiting &&= !text.includes('go held');
  }
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0);
  const written = (id: string): string =>
    [...text.matchAll(/^ {11}(\S+) +\| (.*)$/gm)].flatMap(([, name, piece]) => (name === id ? [piece] : [])).join('');
  assert.deepEqual([written('a'), written('b')], [made('a'), made('b')]);
  assert.match(text, /models: 2 calls, 2 tokens in, 2000 out, 0\.0040 USD$/m);
  const { body } = await reel.ask<Run>('GET', `/v1/runs/${run}`);
  assert.deepEqual(body.usage, { calls: 2, inputTokens: 2, outputTokens: 2 * WORDS, costMicrousd: 4 * WORDS });
  assert.deepEqual(
    body.steps.map(({ usage }) => usage?.model),
    [undefined, 'teller-1', 'teller-1'],
  );
});
