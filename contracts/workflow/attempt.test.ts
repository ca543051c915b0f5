import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonSchema } from '../envelope.ts';
import { checkAgainst } from '../schema.ts';
import { plannedAs } from './attempt.ts';
import { Workflow } from './format.ts';

const formFor = (output: JsonSchema): JsonSchema => {
  const steps = [{ id: 'search', uses: 'search', output }];
  const plan = Workflow.parse({ name: 'x', steps, escalate: [{ to: 'ada', withinMs: 1000 }] });
  return plannedAs(plan, 'search-escalation-1')?.attempt.form as JsonSchema;
};

test("a person can supply a result whose schema has references, or is of another draft than the question's", () => {
  const hotel = { type: 'object', required: ['price'], properties: { price: { type: 'number' } } };
  const list = { type: 'array', items: { $ref: '#/$defs/hotel' }, $defs: { hotel } };
  const pair = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'array', items: [{ type: 'object' }], additionalItems: false };
  for (const output of [list, pair]) {
    const form = formFor(output);
    assert.equal(checkAgainst(form, { action: 'supply', result: [{ price: 1 }] }), undefined);
    assert.match(checkAgainst(form, { action: 'supply', result: ['cheap'] }) ?? '', /^\/result\/0: must be object/);
    assert.match(checkAgainst(form, { action: 'supply' }) ?? '', /"result"/);
    assert.equal(checkAgainst(form, { action: 'retry' }), undefined);
  }
});
