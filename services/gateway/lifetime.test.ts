import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { lifetimeOf } from './lifetime.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const person = (id: string, timeoutMs: number | undefined, dependsOn: string[] = []) => ({
  id,
  kind: 'person',
  prompt: 'p',
  form: {},
  dependsOn,
  timeoutMs,
});
const life = (workflow: object, asked?: number): unknown => {
  const found = lifetimeOf(Workflow.parse({ name: 'w', ...workflow }), asked);
  return 'wrong' in found ? `${found.wrong.path}: ${found.wrong.message}` : found.lifeMs;
};

test('a run has an hour, or the requested time; the request overrides the workflow', () => {
  const steps = [{ id: 'a', uses: 'x', timeoutMs: DAY }];
  assert.equal(life({ steps }), HOUR);
  assert.equal(life({ steps, deadlineMs: 5 }), 5);
  assert.equal(life({ steps, deadlineMs: 5 }, 7), 7);
});

test('by default, a run has an hour plus the time of its people', () => {
  assert.equal(life({ steps: [person('a', 7 * DAY)] }), HOUR + 7 * DAY);
  assert.equal(life({ steps: [person('a', DAY), person('b', 2 * DAY, ['a']), person('c', DAY)] }), HOUR + 3 * DAY);
  assert.equal(
    life({ steps: [{ id: 'a', uses: 'x', fallback: person('f', DAY) }], escalate: [{ to: 'ann', withinMs: DAY }] }),
    HOUR + 2 * DAY,
  );
  assert.equal(life({ steps: [person('a', 10 * DAY), person('b', 10 * DAY, ['a'])] }), 15 * DAY);
  const row = Array.from({ length: 5000 }, (_, n) => person(`s${n}`, 1000, n === 0 ? [] : [`s${n - 1}`]));
  assert.equal(life({ steps: row.reverse() }), HOUR + 5_000_000);
});

test('a question that would outlive its run is refused, with its path and what to do', () => {
  const weeks = { steps: [{ id: 'x', uses: 'x' }, person('sure', 30 * DAY)] };
  const place = 'body.workflow.steps[1].timeoutMs: a person may take 30 days';
  assert.equal(life(weeks), `${place}, and a run at most 15 days: give them less time`);
  const steps = [{ id: 'x', uses: 'x' }, person('sure', 2 * DAY)];
  const message =
    'body.workflow.steps[1].timeoutMs: a person may take 2 days, and the run only 4 seconds: raise deadlineMs, leave it out, or give them less time';
  assert.equal(life({ steps, deadlineMs: 4000 }), message);
  assert.equal(life({ steps }, 4000), message);
  assert.match(life({ steps, deadlineMs: 16 * DAY }) as string, /^body\.workflow\.deadlineMs: it is 16 days, and may be at most 15 days/);
  assert.match(life({ steps }, 16 * DAY) as string, /^body\.deadlineMs: it is 16 days/);
});
