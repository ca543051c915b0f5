/**
 * Whatever tools, APIs and models answer, no byte of it changes on its way into the log, and nothing counts as a success that was none.
 * A fixed sample; REEL_FUZZ_CASES=20000 is the long form, and REEL_FUZZ_SEED another one.
 */
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { apiCases } from './api-answers.ts';
import { mcpCases } from './mcp-answers.ts';
import { modelCases } from './model-answers.ts';
import { openApi, openMcp, openModel } from './opened.ts';
import { check, checkJudgement } from './outcome.ts';

const CASES = Number(process.env['REEL_FUZZ_CASES'] ?? 600);
const SEED = Number(process.env['REEL_FUZZ_SEED'] ?? 12);
/** How many are under way at a time. */
const TOGETHER = 8;

/** Tries as many cases, and tells how long it took. */
async function fuzz<Case>(
  context: TestContext,
  cases: fc.Arbitrary<Case>,
  share: number,
  tries: (one: Case) => Promise<void>,
): Promise<void> {
  const begunMs = performance.now();
  const many = Math.ceil((CASES * share) / TOGETHER);
  await fc.assert(
    fc.asyncProperty(fc.array(cases, { minLength: TOGETHER, maxLength: TOGETHER }), async (some) => {
      await Promise.all(some.map(tries));
    }),
    // A case that is waited for in vain takes its whole patience: trying a hundred smaller ones would take the day.
    { seed: SEED, numRuns: many, interruptAfterTimeLimit: 1_100_000, markInterruptAsFailure: true, endOnFailure: true },
  );
  context.diagnostic(`${many * TOGETHER} answers of seed ${SEED} in ${((performance.now() - begunMs) / 1000).toFixed(1)} s`);
}

const OUTPUT_CHECKS = ['check', 'warn', 'off'] as const;

test('what APIs answer is stored as it was, or no success', { timeout: 1_200_000 }, async (context) => {
  const { answered, tool } = await openApi(context);
  let n = 0;
  await fuzz(context, apiCases, 0.5, async ({ what, answer, expected, hasEffect, promised }) => {
    const fact = await check(await answered(answer, { hasEffect, promised }), expected, hasEffect, what);
    if (fact !== undefined) await checkJudgement(fact, tool(hasEffect, promised), promised, OUTPUT_CHECKS[n++ % 3] as 'warn');
  });
});

test('what MCP servers answer is stored as it was, or no success', { timeout: 1_200_000 }, async (context) => {
  const { answered, tool } = await openMcp(context);
  let n = 0;
  await fuzz(context, mcpCases, 0.3, async (one) => {
    const { what, expected, hasEffect, promised } = one;
    const fact = await check(await answered(one, one), expected, hasEffect, what);
    if (fact !== undefined) await checkJudgement(fact, tool(hasEffect, promised), promised, OUTPUT_CHECKS[n++ % 3] as 'warn');
  });
});

test('what models answer is stored as it was, or no success', { timeout: 1_200_000 }, async (context) => {
  const answered = await openModel(context);
  await fuzz(context, modelCases, 0.2, async ({ what, answer, expected, promised }) => {
    await check(await answered(answer, promised), expected, false, what);
  });
});
