import assert from 'node:assert/strict';
import { test } from 'node:test';
import { file } from './fixtures/opened.ts';
import { costOf, priceFor, readPrices } from './prices.ts';
import { nothingYet } from './reply.ts';
import { usageOf } from './usage.ts';

test('a dated version costs what its name without the date does, unless it is listed itself', async (context) => {
  const list = `models:
  gpt-x: { microusdPerMillionInput: 1, microusdPerMillionOutput: 2 }
  gpt-x-2025-01-01: { microusdPerMillionInput: 3, microusdPerMillionOutput: 4 }
`;
  const prices = await readPrices({ REEL_PRICES: await file(context, 'prices.yaml', list) });
  assert.equal(priceFor(prices, 'gpt-x-2026-05-05')?.microusdPerMillionInput, 1);
  assert.equal(priceFor(prices, 'gpt-x-2025-01-01')?.microusdPerMillionInput, 3);
  assert.equal(priceFor(prices, 'gpt-x-mini'), undefined);
});

test('the list beside the code can be read, and a wrong one names what is wrong', async (context) => {
  assert.ok((await readPrices({})).size > 5);
  const half = await file(context, 'prices.yaml', 'models: { m: { microusdPerMillionInput: 1 } }');
  await assert.rejects(readPrices({ REEL_PRICES: half }), {
    message: /prices\.yaml:1:\d+: models\.m\.microusdPerMillionOutput: .*is missing/,
  });
});

test('costs are rounded up to whole millionths of a dollar', () => {
  const price = { microusdPerMillionInput: 150_000, microusdPerMillionOutput: 600_000 };
  assert.equal(costOf(price, 1_000_000, 1_000_000), 750_000);
  assert.equal(costOf(price, 1, 0), 1);
  assert.equal(costOf(price, 0, 0), 0);
});

test('what has not been counted has no cost, whatever the price', () => {
  const definition = { name: 'm', capabilities: [], price: 'low' as const };
  const price = { microusdPerMillionInput: 1_000_000, microusdPerMillionOutput: 2_000_000 };
  const model = { definition, id: 'm', baseUrl: undefined, apiKey: undefined, price };
  const none = { model: 'm', inputTokens: 0, outputTokens: 0, latencyMs: 3, finishReason: 'none' };
  assert.deepEqual(usageOf(model, nothingYet, 2.6), none);
  const counted = { ...nothingYet, usage: { inputTokens: 1, outputTokens: 2 }, finishReason: 'stop' };
  assert.deepEqual(usageOf(model, counted, 1), {
    ...none,
    inputTokens: 1,
    outputTokens: 2,
    costMicrousd: 5,
    latencyMs: 1,
    finishReason: 'stop',
  });
  assert.equal('costMicrousd' in usageOf({ ...model, price: undefined }, counted, 1), false);
});
