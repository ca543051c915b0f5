/** Runs that are kept in flight while services are replaced under them, as clients see it who ask again whenever a gateway has gone. */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { ask, follow, Refused } from '@reel/scripts/cli/api.ts';
import { decide } from '@reel/scripts/demo/person.ts';

/** Through every service: a tool, a model, a person, a tool. It takes 1.6 s when nothing disturbs it. */
const workflow = {
  name: 'load',
  steps: [
    { id: 'ride', uses: 'book_taxi', with: { hotelId: 'quinta-das-gaivotas', date: '2027-10-01', guests: 2 } },
    {
      id: 'think',
      kind: 'model',
      dependsOn: ['ride'],
      prompt: 'Is this a fair price?',
      with: { task: 'load', total: '= steps.ride.total' },
      output: { type: 'object', required: ['fair'], properties: { fair: { type: 'boolean' } } },
    },
    {
      id: 'sure',
      kind: 'person',
      dependsOn: ['think'],
      prompt: 'Pay?',
      form: { type: 'object', required: ['ok'], properties: { ok: { type: 'boolean' } } },
    },
    {
      id: 'pay',
      uses: 'charge_card',
      dependsOn: ['sure'],
      with: { card: 'tok_ada', amount: '= steps.ride.total', covers: ['= steps.ride.transferId'] },
    },
  ],
};

export type Load = {
  /** The runs that were accepted, in the order of their ends. */
  readonly runs: readonly Run[];
  /** How often a client had to ask again, because a gateway was going or gone. */
  readonly askedAgain: number;
};

/** Starts keeping `inFlight` runs in flight. @returns how to let the last ones end, and what came of all. */
export function keepInFlight(inFlight: number): { end(): Promise<Load> } {
  const runs: Run[] = [];
  let askedAgain = 0;
  let ending = false;
  const insist = async <T>(attempt: () => Promise<T>): Promise<T> => {
    for (let patience = 100; ; patience -= 1) {
      try {
        return await attempt();
      } catch (error) {
        // What a gateway refuses is for the client to know; that nobody answers, or half, is to be expected.
        if ((error instanceof Refused && !error.message.startsWith('no Reel answers')) || error instanceof assert.AssertionError)
          throw error;
        if (patience === 0) throw error;
        askedAgain += 1;
        await delay(50);
      }
    }
  };
  const one = async (): Promise<void> => {
    const key = randomUUID();
    const { id } = await insist(() => ask<Submitted>('POST', '/v1/runs', { workflow, requestedBy: 'load' }, { 'idempotency-key': key }));
    await insist(async () => {
      for await (const told of follow(id)) if ('type' in told && told.type === 'step.verdict.held') await decide(id, 'load');
    });
    runs.push(await insist(() => ask<Run>('GET', `/v1/runs/${id}`)));
  };
  const lane = async (): Promise<void> => {
    while (!ending) await one();
  };
  const lanes = Promise.all(Array.from({ length: inFlight }, lane));
  // Whoever ends it hears of what went wrong.
  lanes.catch(() => {});
  return {
    end: async () => {
      ending = true;
      await lanes;
      return { runs, askedAgain };
    },
  };
}
