/** The rules of the protocol find nothing in the worlds in which the saga tracker is tried: whatever dies, comes late or comes twice there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, findingText, rules } from '@reel/bus/verifier/protocol.ts';
import { live } from '@reel/saga-tracker/world.fixture.ts';
import fc from 'fast-check';

/** In these worlds nobody plans, and everybody but the tracker speaks without causes and digests. */
const UNTOLD = new Set(['caused', 'judged-as-asked', 'planned', 'as-planned', 'in-turn', 'ruled-as-voted']);
const told = rules.filter(({ name }) => !UNTOLD.has(name));
const LATER = Date.UTC(2030, 0, 1);

const worlds = fc.record({
  seed: fc.integer(),
  cancel: fc.boolean(),
  calm: fc.boolean(),
  steps: fc.array(
    fc.record({
      effect: fc.constantFrom('read-only' as const, 'idempotent' as const, 'once' as const),
      compensated: fc.boolean(),
      kind: fc.constant('tool' as const),
    }),
    { minLength: 1, maxLength: 6 },
  ),
});

test('whatever happens in the worlds of the saga tracker keeps the rules that are told of there', async () => {
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      const { log } = await live(world);
      assert.deepEqual(check(log.entries, { now: LATER }, told).map(findingText), [], JSON.stringify(log.entries, null, 1));
    }),
    { seed: 1, numRuns: 300 },
  );
});
