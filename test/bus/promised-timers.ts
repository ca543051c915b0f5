/** What every bus promises about timers: the second part of the table in promises.ts. */
import assert from 'node:assert/strict';
import { defineService, timer } from '@reel/bus/service.ts';
import { stepDue } from '@reel/contracts/step.ts';
import { dataOf, has, listener, type Player, type Promised, request, tool } from './promises.ts';

export const promisedTimers: readonly Promised[] = [
  {
    name: 'the clock rings, and asking again replaces what was asked before',
    prove: async (start) => {
      const rings: string[] = [];
      const { edge, until } = await start([
        defineService({
          name: 'saga-tracker',
          publishes: [stepDue],
          on: {
            'run.request.requested': ({ time }) => [timer('soon', time + 86_400_000), timer('soon', time + 1000)],
            'timer.fired': ({ name }) => {
              rings.push(name);
              return name === 'soon' ? [stepDue(tool('a'), {})] : [];
            },
          },
        }) as unknown as Player,
      ]);
      await edge.publish(0, 'R', request());
      await until((entries) => entries.some(({ at }) => at.slot === 'wake'));
      assert.ok(rings.includes('soon'));
    },
  },
  {
    name: 'timers are their asker’s: another with the same name neither replaces one nor hears it',
    prove: async (start) => {
      const heard: { name: string; early: boolean }[] = [];
      const keeper = (name: string, afterMs: number) => {
        let dueMs = Number.POSITIVE_INFINITY;
        return defineService({
          name,
          publishes: [stepDue],
          on: {
            'run.request.requested': ({ time }) => {
              dueMs = time + afterMs;
              return [timer('soon', dueMs)];
            },
            'timer.fired': (ring) => {
              if (ring.name !== 'soon') return [];
              heard.push({ name, early: ring.time < dueMs });
              return name === 'saga-tracker' ? [stepDue(tool('a'), {})] : [];
            },
          },
        }) as unknown as Player;
      };
      const { edge, until } = await start([keeper('saga-tracker', 1000), keeper('validator', 86_400_000)]);
      await edge.publish(0, 'R', request());
      await until((entries) => entries.some(({ at }) => at.slot === 'wake'));
      assert.deepEqual(heard[0], { name: 'saga-tracker', early: false });
      assert.ok(!heard.some(({ early }) => early));
    },
  },
  {
    name: 'who does not hear the clock cannot set it',
    prove: async (start) => {
      const { edge, until } = await start([listener({ 'run.request.requested': ({ time }) => [timer('soon', time)] })]);
      await edge.publish(0, 'R', request());
      const entries = await until(has('fault.fault.raised'));
      assert.match(dataOf(entries, 'fault.fault.raised').problem.message, /set the timer soon, and has no handler for timer.fired/);
    },
  },
];
