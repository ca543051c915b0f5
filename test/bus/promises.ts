/** What every bus promises to services, as one table: the simulator and JetStream are both held to it. */
import assert from 'node:assert/strict';
import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { definePerformer, defineService, Failure, Fatal, type Performer, type Service } from '@reel/bus/service.ts';
import { type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { cancelRequested, closingCancelling, runRequested } from '@reel/contracts/run.ts';
import { stepApproved, stepDue, stepFailed, stepRequested, stepSucceeded, stepTimedOut } from '@reel/contracts/step.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';

/** A bus with these services on it. `scribble` stores any text in a slot. `until` resolves with the run's entries once they fit. */
export type Bus = {
  readonly edge: Edge;
  readonly scribble: (address: string, text: string) => Promise<void>;
  readonly until: (fits: (entries: readonly Entry[]) => boolean) => Promise<readonly Entry[]>;
};
export type Player = Service<never> | Performer<never>;
export type StartBus = (players: readonly Player[]) => Promise<Bus>;

const workflow = Workflow.parse({ name: 'w', steps: [{ id: 'a', uses: 'x' }] });
export const request = (input: unknown = {}) =>
  runRequested(theRun, { requestedBy: 'ada', workflow, input: input, tools: {}, deadlineMs: 1e15 });
export const tool = (id: string, n = 1): Place => ({ kind: 'tool', id, n });
const call = (effect: 'once' | 'idempotent' | 'read-only', timeoutMs = 5000) => ({ call: { uses: 'x', arguments: {}, effect, timeoutMs } });
const approved = (at: Place, what: ReturnType<typeof call>) => stepApproved(at, { policies: [], policySet: 's', question: digestOf(what) });
export const has =
  (type: string, id?: string) =>
  (entries: readonly Entry[]): boolean =>
    entries.some((entry) => !isInvalid(entry) && entry.type === type && (id === undefined || entry.at.id === id));
// biome-ignore lint/suspicious/noExplicitAny: whichever fact a promise is about
export const dataOf = (entries: readonly Entry[], type: string): any =>
  (entries.find((entry) => !isInvalid(entry) && entry.type === type) as { data: unknown } | undefined)?.data;
export const listener = (on: Service<object>['on']): Player =>
  defineService({ name: 'planner', publishes: [stepRequested, planProposed], on }) as unknown as Player;
const worker = (perform: Performer<object>['perform']): Player =>
  definePerformer({ name: 'tool-executor', kind: 'tool', perform }) as unknown as Player;

/** Asks for a call and has it approved, as planner and policy would. */
async function approve(edge: Edge, effect: 'once' | 'idempotent' | 'read-only', timeoutMs?: number): Promise<void> {
  await edge.publish(0, 'R', request());
  await edge.publish(0, 'R', stepRequested(tool('a'), call(effect, timeoutMs)));
  await edge.publish(0, 'R', approved(tool('a'), call(effect, timeoutMs)));
}

export type Promised = { readonly name: string; readonly prove: (start: StartBus) => Promise<void> };

export const promises: readonly Promised[] = [
  {
    name: 'a slot keeps its first fact, and whoever comes second is told who was first',
    prove: async (start) => {
      const { edge } = await start([]);
      assert.equal((await edge.publish(0, 'R', request(1))).published, true);
      await edge.publish(0, 'R', cancelRequested(theRun, { who: 'a', why: 'x' }), { cause: 'one' });
      const second = await edge.publish(0, 'R', cancelRequested(theRun, { who: 'b', why: 'y' }), { cause: 'other' });
      assert.equal(second.published, false);
      assert.equal(!second.published && !isInvalid(second.occupant) && second.occupant.cause, 'one');
    },
  },
  {
    name: 'saying the same again counts as said',
    prove: async (start) => {
      const { edge } = await start([]);
      const first = await edge.publish(0, 'R', request());
      assert.deepEqual(await edge.publish(0, 'R', request()), first);
    },
  },
  {
    name: 'a handler sees the run up to its fact, whatever came later',
    prove: async (start) => {
      const seen: number[] = [];
      const { edge, until } = await start([
        listener({
          'run.request.requested': (event, { history }) => {
            seen.push(history.entries().length);
            assert.equal(history.entries().at(-1)?.seq, event.seq);
            return [stepRequested(tool('a'), call('once'))];
          },
        }),
      ]);
      await edge.publish(0, 'R', request());
      await edge.publish(0, 'R', cancelRequested(theRun, { who: 'a', why: 'x' }));
      await until(has('step.request.requested'));
      assert.ok(
        seen.every((count) => count === 1),
        String(seen),
      );
    },
  },
  {
    name: 'what a handler throws is tried again',
    prove: async (start) => {
      let times = 0;
      const { edge, until } = await start([
        listener({
          'run.request.requested': () => {
            times += 1;
            if (times < 3) throw new Error('not yet');
            return [stepRequested(tool('a'), call('once'))];
          },
        }),
      ]);
      await edge.publish(0, 'R', request());
      await until(has('step.request.requested'));
    },
  },
  {
    name: 'what cannot be handled becomes a fault: at once when trying again cannot help, else after the last try',
    prove: async (start) => {
      const { edge, until } = await start([
        listener({
          'run.request.requested': () => {
            throw new Fatal('hopeless');
          },
          'run.control.cancel-requested': () => {
            throw new Error('never works');
          },
        }),
      ]);
      await edge.publish(0, 'R', request());
      const entries = await until(has('fault.fault.raised'));
      assert.match(dataOf(entries, 'fault.fault.raised').problem.message, /hopeless/);
      await edge.publish(0, 'R', cancelRequested(theRun, { who: 'a', why: 'x' }));
      await until((all) => all.filter((entry) => entry.at.kind === 'fault').length === 2);
    },
  },
  {
    name: 'what a service did not declare it cannot say',
    prove: async (start) => {
      const { edge, until } = await start([listener({ 'run.request.requested': () => [stepDue(tool('a'), {})] })]);
      await edge.publish(0, 'R', request());
      const entries = await until(has('fault.fault.raised'));
      assert.match(dataOf(entries, 'fault.fault.raised').problem.message, /step.wake.due, which is not in its `publishes`/);
    },
  },
  {
    name: 'rubbish in a slot is never handed to a handler, and becomes a fault',
    prove: async (start) => {
      let handled = 0;
      const { edge, scribble, until } = await start([
        listener({
          'step.outcome.failed': () => {
            handled += 1;
            return [];
          },
        }),
      ]);
      await edge.publish(0, 'R', request());
      await scribble('reel.0.R.tool.a.1.outcome', 'rubbish');
      const entries = await until(has('fault.fault.raised'));
      assert.match(dataOf(entries, 'fault.fault.raised').problem.message, /not JSON/);
      assert.equal(handled, 0);
    },
  },
  {
    name: 'losing the first fact of an answer to another cause drops the rest',
    prove: async (start) => {
      const { edge, until } = await start([
        listener({
          'run.request.requested': () => [planProposed(planRevision(1), { plan: workflow }), stepRequested(tool('dropped'), call('once'))],
          'run.control.cancel-requested': () => [stepRequested(tool('mark'), call('once'))],
        }),
      ]);
      await edge.publish(0, 'R', planProposed(planRevision(1), { plan: workflow }), { cause: 'another' });
      await edge.publish(0, 'R', request());
      await edge.publish(0, 'R', cancelRequested(theRun, { who: 'a', why: 'x' }));
      const entries = await until(has('step.request.requested', 'mark'));
      assert.equal(has('step.request.requested', 'dropped')(entries), false);
    },
  },
  {
    name: 'large values come back whole, and those above the limit are refused by name',
    prove: async (start) => {
      const { edge } = await start([]);
      const large = 'é'.repeat(60_000);
      await edge.publish(0, 'R', request({ large }));
      const entry = await edge.occupant(0, 'R', theRun, 'request');
      assert.equal(entry !== undefined && !isInvalid(entry) && (entry.data as { input: { large: string } }).input.large, large);
      await assert.rejects(
        edge.publish(0, 'S', request({ large: 'x'.repeat(1_100_000) })),
        /data\.input has \d+ bytes and a fact at most 1000000/,
      );
    },
  },
  {
    name: 'an approved call is started, performed under its key and told of, once',
    prove: async (start) => {
      const keys: string[] = [];
      const { edge, until } = await start([
        worker(async (_, { key }) => {
          keys.push(key);
          return { done: true };
        }),
      ]);
      await approve(edge, 'once');
      const entries = await until(has('step.outcome.succeeded'));
      assert.ok(has('step.start.started')(entries));
      assert.deepEqual(keys, ['R.tool.a']);
    },
  },
  {
    name: 'a failure is told as such, and what may have happened as unknown',
    prove: async (start) => {
      const { edge, until } = await start([
        worker(async ({ at }) => {
          if (at.id === 'a') throw new Failure({ code: 'no', message: 'it said no' });
          throw new Error('the line went dead');
        }),
      ]);
      await approve(edge, 'once');
      await edge.publish(0, 'R', stepRequested(tool('b'), call('once')));
      await edge.publish(0, 'R', approved(tool('b'), call('once')));
      const entries = await until((all) => has('step.outcome.failed', 'a')(all) && has('step.outcome.unknown', 'b')(all));
      assert.equal(dataOf(entries, 'step.outcome.failed').problem.code, 'no');
    },
  },
  {
    name: 'an idempotent call that ended in doubt is made again under the same key',
    prove: async (start) => {
      const keys: string[] = [];
      const { edge, until } = await start([
        worker(async (_, { key }) => {
          keys.push(key);
          if (keys.length === 1) throw new Error('the line went dead');
          return 1;
        }),
      ]);
      await approve(edge, 'idempotent');
      await until(has('step.outcome.succeeded'));
      assert.deepEqual([...new Set(keys)], ['R.tool.a']);
      assert.ok(keys.length >= 2);
    },
  },
  {
    name: 'what may have been done although another was told that it was not is told as a fault',
    prove: async (start) => {
      const { edge, until } = await start([
        worker(async () => {
          const problem = { code: 'in-use', message: 'somebody else is at it', retryable: false };
          await opened.publish(0, 'R', stepFailed(tool('a'), { problem }));
          throw new Error('the line went dead');
        }),
      ]);
      const opened = edge;
      await approve(edge, 'idempotent', 300);
      const entries = await until(has('fault.fault.raised'));
      assert.equal(dataOf(entries, 'fault.fault.raised').problem.code, 'unknown-effect');
    },
  },
  {
    name: 'what was done once more by an attempt that nobody waited for any longer is told, though a later one has succeeded',
    prove: async (start) => {
      const { edge, until } = await start([
        worker(async () => {
          const problem = { code: 'timed-out', message: 'it took too long' };
          await opened.publish(0, 'R', stepTimedOut(tool('a'), { problem }));
          await opened.publish(0, 'R', stepRequested(tool('a', 2), call('once')));
          await opened.publish(0, 'R', stepSucceeded(tool('a', 2), { output: 2 }));
          return 1;
        }),
      ]);
      const opened = edge;
      await approve(edge, 'once');
      assert.equal(dataOf(await until(has('step.late.succeeded')), 'step.late.succeeded').output, 1);
    },
  },
  {
    name: 'a call that does not end is given up when its time is up',
    prove: async (start) => {
      const { edge, until } = await start([
        worker((_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))),
      ]);
      await approve(edge, 'once', 300);
      await until(has('step.outcome.unknown'));
    },
  },
  {
    name: 'what is not what was approved is not performed',
    prove: async (start) => {
      let performed = 0;
      const { edge, until } = await start([
        worker(async () => {
          performed += 1;
          return 1;
        }),
      ]);
      await edge.publish(0, 'R', request());
      await edge.publish(0, 'R', stepRequested(tool('a'), call('once')));
      await edge.publish(0, 'R', approved(tool('a'), call('idempotent')));
      const entries = await until(has('step.outcome.failed'));
      assert.equal(dataOf(entries, 'step.outcome.failed').problem.code, 'question-differs');
      assert.equal(performed, 0);
    },
  },
  {
    name: 'a read-only call is declined once the run has turned',
    prove: async (start) => {
      let performed = 0;
      const { edge, until } = await start([
        worker(async () => {
          performed += 1;
          return 1;
        }),
      ]);
      await edge.publish(0, 'R', request());
      await edge.publish(0, 'R', stepRequested(tool('a'), call('read-only')));
      await edge.publish(0, 'R', closingCancelling(theRun, { problem: { code: 'x', message: 'x' } }));
      await edge.publish(0, 'R', approved(tool('a'), call('read-only')));
      const entries = await until(has('step.outcome.failed'));
      assert.equal(dataOf(entries, 'step.outcome.failed').problem.code, 'run-closing');
      assert.equal(performed, 0);
    },
  },
];
