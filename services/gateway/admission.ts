/**
 * Limits for runs that wait, and for open streams. A requested run waits for the verdict of policy, which works in the order of the log.
 * When too many runs wait, new ones are refused before anything is stored. Accepted runs are in the log and stay.
 */
import { HttpProblem } from './problems.ts';
import type { Runs } from './runs.ts';

const MOST = 1000;
const RETRY_AFTER_S = 1;

export type Admission = {
  /** Admits a submission. @returns a function to call when it is done, or undefined when too many wait. */
  enter(): (() => void) | undefined;
  /** The answer to a refused submission. */
  full(): HttpProblem;
};

/** @throws when `setting` (REEL_MAX_BACKLOG) is not a number of runs. */
export function openAdmission(runs: Runs, setting: string | undefined): Admission {
  const most = setting === undefined ? MOST : Number(setting);
  if (!Number.isInteger(most) || most < 1) throw new Error(`REEL_MAX_BACKLOG is "${setting}" and has to be a number of runs, 1 or more`);
  let entering = 0;
  return {
    enter: () => {
      if (runs.waiting() + entering >= most) return undefined;
      entering += 1;
      return () => {
        entering -= 1;
      };
    },
    full: () =>
      new HttpProblem(
        429,
        'backlog',
        'Too many runs are waiting',
        `${most} runs wait for policy, which is the limit (REEL_MAX_BACKLOG): nothing was done, retry in ${RETRY_AFTER_S} s`,
        undefined,
        { 'retry-after': String(RETRY_AFTER_S) },
      ),
  };
}

const MOST_FOLLOWERS = 1000;

/** Callers with a long answer, such as a stream of events. Each takes memory, and is sent every fact. */
export type Followers = {
  /** @returns a function that leaves (it may be called more than once), or undefined when there are too many. */
  enter(): (() => void) | undefined;
  full(): HttpProblem;
};

/** @throws when `setting` (REEL_MAX_FOLLOWERS) is not a number of followers. */
export function openFollowers(setting: string | undefined): Followers {
  const most = setting === undefined ? MOST_FOLLOWERS : Number(setting);
  if (!Number.isInteger(most) || most < 1)
    throw new Error(`REEL_MAX_FOLLOWERS is "${setting}" and has to be a number of followers, 1 or more`);
  const here = new Set<object>();
  return {
    enter: () => {
      if (here.size >= most) return undefined;
      const one = {};
      here.add(one);
      return () => void here.delete(one);
    },
    full: () =>
      new HttpProblem(
        503,
        'too-many-followers',
        'Too many event streams are open',
        `${most} event streams are open, which is the limit (REEL_MAX_FOLLOWERS): retry in ${FOLLOW_AFTER_S} s, or ask for application/json`,
        undefined,
        { 'retry-after': String(FOLLOW_AFTER_S) },
      ),
  };
}

const FOLLOW_AFTER_S = 5;
