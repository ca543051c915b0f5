/** The log as one piece of work sees it in the simulator: at every touch it waits for its turn, and something may go wrong. */
import type { Entry } from '../history.ts';
import { type Log, LogUnavailable } from '../log.ts';
import type { Agenda, Task } from './agenda.ts';
import type { Chooser, Fault, Moment } from './faults.ts';
import { behind, type SimulatedLog } from './log.ts';

export type PortOptions = {
  readonly agenda: Agenda;
  readonly chooser: Chooser;
  readonly log: SimulatedLog;
  /** Told of everything that is stored. */
  readonly stored: (entry: Entry) => void;
  readonly setTimer: (asker: string, run: string, timer: { readonly name: string; readonly atMs: number }) => void;
  /** Aborts when all that could happen has happened. */
  readonly over: () => AbortSignal;
};

/** What one piece of work can do in the world of the simulator, and what can happen to it. */
export type Touch = {
  /** Waits for its turn. @returns what goes wrong there; never resolves for a task that dies of it. */
  wait(moment: Moment, what: string): Promise<Fault | undefined>;
  die(): Promise<never>;
};

/** How long it takes to reach anything, ms. */
const REACH_MS = 1;

export function touchFor(task: Task, { agenda, chooser }: Pick<PortOptions, 'agenda' | 'chooser'>): Touch {
  return {
    wait: (moment, what) =>
      new Promise((resolve) => {
        if (task.dead) return;
        const fault = task.frail ? chooser.at(moment, task.name, what) : undefined;
        if (fault?.what === 'freezes') task.frozenUntilMs = agenda.now() + fault.amount;
        const go = (): void => {
          if (fault?.what === 'dies') task.dead = true;
          else resolve(fault);
        };
        agenda.later(fault?.what === 'slow' ? REACH_MS + fault.amount : REACH_MS, go, task);
      }),
    die: () => {
      task.dead = true;
      return new Promise(() => {});
    },
  };
}

export function portFor(task: Task, { wait, die }: Touch, { agenda, log, stored, setTimer }: PortOptions): Log {
  return {
    put: async (fact) => {
      const fault = await wait('says', plain(fact.id));
      if (fault?.what === 'unstored') throw new LogUnavailable('not stored, and the outcome is unknown');
      if (fault?.what === 'rubbish') {
        const rubbish = log.putText(fact.id, 'rubbish', agenda.now());
        if (rubbish !== 'taken') stored(rubbish);
      }
      const put = log.put(fact, agenda.now());
      if (put !== 'taken') stored(put);
      if (fault?.what === 'dies-after') return await die();
      if (fault?.what === 'unsure') throw new LogUnavailable('stored, and the outcome is unknown');
      return put === 'taken' ? put : { seq: put.seq };
    },
    occupant: async (address) => {
      const fault = await wait('looks', plain(address));
      if (fault?.what === 'unreached') throw new LogUnavailable('it could not be read');
      return log.at(address);
    },
    position: async (address) => {
      const fault = await wait('looks', plain(address));
      if (fault?.what === 'unreached') throw new LogUnavailable('it could not be read');
      return log.at(address)?.seq;
    },
    read: async (_shard, run, atLeast = 0) => {
      const fault = await wait('reads', run);
      if (fault?.what === 'unreached') throw new LogUnavailable('it could not be read');
      const whole = log.run(run);
      return fault?.what === 'behind' ? behind(whole, fault.amount, atLeast) : whole;
    },
    setTimer: async (_shard, run, name, atMs) => {
      const fault = await wait('sets', `${run} ${name}`);
      if (fault?.what === 'unstored') throw new LogUnavailable('not set, and the outcome is unknown');
      setTimer(task.name, run, { name, atMs });
      if (fault?.what === 'dies-after') return await die();
      if (fault?.what === 'unsure') throw new LogUnavailable('set, and the outcome is unknown');
    },
    now: agenda.now,
    pause: (ms, signal) =>
      new Promise((resolve) => {
        if (task.dead) return;
        if (signal?.aborted) return resolve();
        const waiting = agenda.later(ms, finish, task);
        // Whoever beats for an hour waits thousands of times, and a signal looks through all who listen for each that begins to.
        function finish(): void {
          waiting.off = true;
          signal?.removeEventListener('abort', finish);
          resolve();
        }
        signal?.addEventListener('abort', finish);
      }),
  };
}

/** An address without what all of the simulator's have in common. */
export const plain = (address: string): string => (address.startsWith('reel.0.') ? address.slice('reel.0.'.length) : address);
