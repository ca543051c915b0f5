/** The runs of chaos: workflows with effects, retries, fallbacks, people and cancellations, and the demo's travel and goals. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '@reel/bus/simulator/random.ts';
import { supplierGoal } from '../demo/stories/supplier.ts';
import { tripGoal } from '../demo/stories/trip.ts';

export type Errand = {
  readonly name: string;
  /** The body of `POST /v1/runs`. */
  readonly body: object;
  /** It is cancelled so many ms after it was accepted. */
  readonly cancelAfterMs?: number;
  /** Its questions are not answered. */
  readonly forgotten?: true;
};

const travel = readFileSync(join(import.meta.dirname, '../demo/travel.yaml'), 'utf8');
/** So long may a run take that gets stuck; chaos gives up sooner, and says so. */
const DEADLINE_MS = 3_600_000;

const step = (id: string, uses: string, dependsOn: string[] = [], more: object = {}): object => ({
  id,
  uses,
  dependsOn,
  with: uses === 'price' || uses === 'flap' ? {} : uses === 'stamp' ? { of: id } : { body: { of: id } },
  ...more,
});
const again = { retry: { attempts: 4, delayMs: 200, maxDelayMs: 1000 } };
const sure = {
  id: 'sure',
  kind: 'person',
  dependsOn: ['book'],
  prompt: 'Go on?',
  form: { type: 'object', required: ['ok'], properties: { ok: { type: 'boolean' } } },
};
const patient = [{ to: 'olga', withinMs: 600_000 }];

/** The steps of a workflow, by its name; `escalate`: somebody looks after what has failed for good. */
const WORKFLOWS: { readonly [name: string]: { steps: object[]; escalate?: object[] } } = {
  row: {
    steps: [step('look', 'price', [], again), step('book', 'book', ['look'], again), step('send', 'send', ['book'], again)],
    escalate: patient,
  },
  stamped: {
    steps: [step('a', 'stamp', [], again), step('b', 'stamp', [], again), step('pay', 'pay', ['a', 'b'], again)],
    escalate: patient,
  },
  wide: {
    steps: [...['a', 'b', 'c', 'd'].map((id) => step(id, 'book', [], again)), step('all', 'pay', ['a', 'b', 'c', 'd'], again)],
    escalate: patient,
  },
  undone: {
    steps: [step('a', 'book', [], again), step('b', 'pay', ['a'], again), step('c', 'book', ['b'], again), step('no', 'decline', ['c'])],
  },
  fallback: {
    steps: [
      step('flap', 'flap', [], { retry: { attempts: 2, delayMs: 100 }, fallback: { uses: 'price', with: {} } }),
      step('no', 'decline', [], { fallback: { uses: 'book', with: { body: { of: 'instead' } } } }),
      step('maybe', 'decline', [], { optional: true }),
      step('pay', 'pay', ['flap', 'no', 'maybe'], again),
    ],
    escalate: patient,
  },
  person: { steps: [step('book', 'book', [], again), sure, step('pay', 'pay', ['sure'], again)], escalate: patient },
  cancelled: {
    steps: [
      step('book', 'book', [], again),
      step('pay', 'pay', ['book'], again),
      { ...sure, dependsOn: ['pay'] },
      step('send', 'send', ['sure']),
    ],
  },
  forgotten: { steps: [step('book', 'book', [], again), sure] },
};

const NAMES = Object.keys(WORKFLOWS);

/** Dates that no two runs share. */
function stay(n: number): { checkIn: string; checkOut: string } {
  const day = (days: number): string => new Date(Date.UTC(2028, 0, 1 + days)).toISOString().slice(0, 10);
  return { checkIn: day(n * 3), checkOut: day(n * 3 + 2) };
}

/** The nth run of chaos. */
export function errand(n: number, chance: Random): Errand {
  const lot = chance.next();
  if (lot < 0.08) {
    const card = chance.happens(0.4) ? 'tok_declined' : 'tok_ada';
    const input = { place: 'Lisbon', ...stay(n), maxPrice: 200, guests: chance.happens(0.2) ? 12 : 2, card };
    return { name: card === 'tok_ada' ? 'travel' : 'travel-declined', body: { workflow: travel, input, requestedBy: 'ada' } };
  }
  if (lot < 0.12) {
    const { goal, ...rest } = tripGoal('A quiet beach hotel near Lisbon, first week of October, under 200 a night, for two.', 'tok_ada');
    return { name: 'goal-trip', body: { ...rest, goal, deadlineMs: DEADLINE_MS } };
  }
  if (lot < 0.16) {
    return { name: 'goal-supplier', body: { ...supplierGoal('Nordwind Metall'), deadlineMs: DEADLINE_MS } };
  }
  if (lot < 0.22) return { name: 'goal-star', body: { goal: { text: `Which star is best (${n})?` }, deadlineMs: DEADLINE_MS } };
  const name = chance.happens(0.03) ? 'forgotten' : (NAMES[chance.below(NAMES.length - 1)] as string);
  const workflow = { name, ...WORKFLOWS[name] };
  const isForgotten = name === 'forgotten';
  return {
    name,
    body: { workflow, deadlineMs: isForgotten ? 15_000 : DEADLINE_MS, requestedBy: 'chaos' },
    ...(name === 'cancelled' ? { cancelAfterMs: chance.below(2500) } : {}),
    ...(isForgotten || name === 'cancelled' ? { forgotten: true } : {}),
  };
}
