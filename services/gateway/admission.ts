/**
 * How much may wait: a run that was requested waits until policy has looked at it, which it does in the order of the log, with all that
 * happens in other runs. When too many wait, more are turned away before they take anything; what was accepted is in the log, and safe.
 */
import { HttpProblem } from './problems.ts';
import type { Runs } from './runs.ts';

const MOST = 1000;
const RETRY_AFTER_S = 1;

export type Admission = {
  /** Lets a submission in. @returns what to call when it is done, or undefined when too many wait. */
  enter(): (() => void) | undefined;
  /** What whoever is turned away is told. */
  full(): HttpProblem;
};

/** @throws when `setting` (REEL_MAX_BACKLOG) is no number of runs. */
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
        'Too many runs wait',
        `${most} runs were requested and not looked at yet, and more are not accepted (REEL_MAX_BACKLOG): nothing was done, try again in ${RETRY_AFTER_S} s`,
        undefined,
        { 'retry-after': String(RETRY_AFTER_S) },
      ),
  };
}

const MOST_FOLLOWERS = 1000;

/** Those who are answered for as long as something goes on, such as a stream of events: each takes memory here, and is told every fact. */
export type Followers = {
  /** @returns how to leave, as often as one likes, or undefined when there are too many. */
  enter(): (() => void) | undefined;
  full(): HttpProblem;
};

/** @throws when `setting` (REEL_MAX_FOLLOWERS) is no number of followers. */
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
        'Too many follow runs here',
        `${most} streams of events are open, and there are no more at a time (REEL_MAX_FOLLOWERS): try again in ${FOLLOW_AFTER_S} s, or ask for application/json`,
        undefined,
        { 'retry-after': String(FOLLOW_AFTER_S) },
      ),
  };
}

const FOLLOW_AFTER_S = 5;
