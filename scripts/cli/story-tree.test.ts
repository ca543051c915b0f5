import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@reel/contracts/envelope.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import type { CloudEvent, Run } from '@reel/gateway/shapes.ts';
import { planView } from './plan-view.ts';
import { storyTree } from './story-tree.ts';
import { summary } from './summary.ts';
import { folded, table } from './table.ts';

const fact = (type: string, data: Json, at = 'tool.look-up.1.outcome'): CloudEvent => ({
  specversion: '1.0',
  id: `reel.0.R.${at}`,
  source: 'tool-executor',
  type,
  time: '2026-11-01T10:00:00.000Z',
  datacontenttype: 'application/json',
  runid: 'R',
  causationid: 'reel.0.R.tool.look-up.1.verdict',
  sequence: '1',
  data,
});
const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ');
const within = (text: string, width: number): void => {
  for (const line of text.split('\n')) assert.ok(line.length <= width, `${line.length}: ${line}`);
};

test('a fact is one line as wide as the terminal, and what went wrong is told whole, once', () => {
  const line = storyTree(false, 100);
  const good = line(fact('step.outcome.succeeded', { output: { text: words } }));
  within(good, 100);
  assert.match(good, /^ {3}\+0\.000 {2}tool-executor {3}look-up succeeded +\{"text":"word0 .*…$/);
  const problem = { code: 'x', message: words };
  const bad = line(fact('step.outcome.failed', { problem }));
  within(bad, 100);
  assert.equal(
    bad
      .split('\n')
      .slice(1)
      .every((more) => /^ {58}\S/.test(more)),
    true,
  );
  assert.match(bad.replaceAll(/\n +/g, ' '), new RegExp(`${words}$`));
  const again = line(fact('run.outcome.failed', { problem }, 'run.run.1.outcome'));
  within(again, 100);
  assert.match(again, /^[^\n]*run failed +word0 .*…$/);
});

test('what is asked of a person is told whole', () => {
  const held = storyTree(false, 100)(fact('step.verdict.held', { prompt: words, policies: [] }, 'person.look-up.1.verdict'));
  within(held, 100);
  assert.match(held.replaceAll(/\n +/g, ' '), new RegExp(`${words}$`));
});

test('a plan of one step has 1 step', () => {
  const proposed = (steps: number): string =>
    storyTree(false, 100)(fact('plan.proposal.proposed', { plan: { steps: Array(steps).fill({ id: 's' }) } }, 'plan.plan.1.proposal'));
  assert.match(proposed(1), /plan proposed +1 step: s$/);
  assert.match(proposed(2), /plan proposed +2 steps: s, s$/);
});

test('what a tool says gives the terminal no orders', () => {
  const told = storyTree(false, 100)(fact('step.outcome.failed', { problem: { code: 'x', message: 'a\u001b]0;mine\u0007\r\nb' } }));
  assert.match(told, /failed +a\\u\{1b\}]0;mine\\u\{7\} b$/);
});

test('a text is folded between its words, where it breaks itself, and in the middle of what is too long', () => {
  assert.deepEqual(folded('one two three\nfour 12345678901', 8), ['one two', 'three', 'four', '12345678', '901']);
});

test('a table is as wide as the terminal, whatever is in its last column', () => {
  const rows = table(['ID', 'QUESTION'], [['1', `${words}\n${words}`]], 80).split('\n');
  assert.equal(rows.length, 2);
  assert.equal(rows[1]?.length, 80);
});

test('a plan is shown whole, in lines as wide as the terminal', () => {
  const plan = Workflow.parse({
    name: 'x',
    steps: [
      { id: 'look', uses: 'search', with: { words } },
      { id: 'ask', kind: 'person', prompt: words, form: { type: 'object' }, dependsOn: ['look'] },
    ],
  });
  const shown = planView(plan, 90);
  within(shown, 90);
  const paragraphs = shown.replaceAll(/\n {11}/g, ' ').split('\n');
  assert.deepEqual(paragraphs, [`  1  look  tool search  {"words":"${words}"}`, `  2  ask   person  {} asks: ${words} after: look`]);
});

test('how a run stands is told in lines as wide as the terminal', () => {
  const run = {
    id: 'R',
    workflow: 'goal',
    status: 'failed',
    goal: words,
    answer: { text: words, claims: [{ claim: words, step: 'look' }] },
    problem: { code: 'x', message: words },
    undone: [],
    stranded: [],
    remaining: [
      { kind: 'tool', id: 'pay', n: 1, uses: 'charge', why: 'no-compensation', problem: { code: 'x', message: words }, result: { id: 7 } },
    ],
    waitsFor: [],
    usage: { calls: 1, inputTokens: 0, outputTokens: 0, scripted: true },
  } as unknown as Run;
  const told = summary(run, 90);
  within(told, 90);
  assert.ok(told.replaceAll(/\n +/g, ' ').includes(`left behind: pay (charge): ${words}; it returned {"id":7}`), told);
});
