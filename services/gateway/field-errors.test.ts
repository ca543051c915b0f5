import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { z } from 'zod';
import { checkDepth, notJson } from './body.ts';
import { fieldErrors } from './field-errors.ts';
import { RunRequest } from './shapes.ts';

/** What is wrong with a submission, as `path: message`. */
function wrongWith(body: unknown): string[] {
  const { issues } = RunRequest.safeParse(body).error as z.ZodError;
  return fieldErrors('body', issues, body).map(({ path, message }) => `${path}: ${message}`);
}

test('an error inside a goal names its path, the value there and what was expected', () => {
  assert.deepEqual(wrongWith({ goal: { text: 5 } }), ['body.goal.text: expected string, and is 5']);
  assert.deepEqual(wrongWith({ goal: {} }), ['body.goal.text: it is missing: expected string']);
  assert.deepEqual(wrongWith({ goal: { text: 'x', review: 'yes' } }), ['body.goal.review: expected boolean, and is "yes"']);
  assert.deepEqual(wrongWith({ goal: { text: 'x', rubrik: 'y' } }), ['body.goal.rubrik: there is no field "rubrik" here']);
  assert.deepEqual(wrongWith({ goal: { text: 'x', escalate: [{ to: 'ada' }] } }), [
    'body.goal.escalate[0].withinMs: it is missing: expected number',
  ]);
  assert.deepEqual(wrongWith({ goal: { text: 'x', escalate: [{ to: 'ada', withinMs: -5 }] } }), [
    'body.goal.escalate[0].withinMs: expected number to be >=1000, and is -5',
  ]);
});

test('a value that fits no alternative is answered with all of them', () => {
  assert.deepEqual(wrongWith({ goal: 5 }), ['body.goal: expected string or object, and is 5']);
  assert.deepEqual(wrongWith({ goal: '  ' }), ['body.goal: expected string to have >=1 characters, and is "  "']);
  assert.deepEqual(wrongWith({}), ['body.workflow: give either a workflow or a goal']);
});

test('a long value is not sent back', () => {
  const long = { goal: 'x'.repeat(30_000) };
  const { issues } = RunRequest.safeParse(long).error as z.ZodError;
  const [error] = fieldErrors('body', issues, long);
  assert.ok(error !== undefined && !('value' in error) && error.message.length < 200, error?.message);
});

test('the error for a body that is not JSON says why', () => {
  assert.match(notJson('').message, /^it is empty; send a JSON object$/);
  assert.match(notJson('{"goal": "x"').message, /JSON.*position 12.*; send a JSON object$/);
});

test('a body nested too deeply is refused, and brackets inside strings do not count', () => {
  checkDepth(JSON.stringify({ a: `\\"${'['.repeat(5000)}` }));
  checkDepth('[]'.repeat(1000));
  assert.throws(() => checkDepth('{"a":'.repeat(5000)), /go deeper than 200 levels: flatten them/);
});
