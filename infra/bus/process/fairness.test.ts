import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fairly } from './fairness.ts';

const busy = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

it('lets the event loop go round between deliveries that take long, however many there are', async () => {
  const order: string[] = [];
  const work = async (name: string): Promise<void> => {
    await fairly();
    busy(15);
    order.push(name);
  };
  const all = ['a', 'b', 'c', 'd'].map(work);
  let rounds = 0;
  const round = (): void => {
    rounds += 1;
    order.push('round');
    if (rounds < 50) setImmediate(round);
  };
  setImmediate(round);
  await Promise.all(all);
  const worked = order.flatMap((name, index) => (name === 'round' ? [] : [index]));
  assert.equal(worked.length, 4);
  for (const [n, index] of worked.slice(1).entries()) assert.ok(index > (worked[n] as number) + 1, order.join(' '));
});

it('makes short ones wait for nothing', async () => {
  await new Promise(setImmediate);
  let rounds = 0;
  setImmediate(() => (rounds += 1));
  for (let n = 0; n < 100; n += 1) await fairly();
  assert.equal(rounds, 0);
});
