/** Reel's own services as players of the simulator: set up in one place, so that every story is played by the same cast. */
import type { Player } from '@reel/bus/simulator/simulator.ts';
import desk from '@reel/human-executor/human-executor.ts';
import planner from '@reel/planner/planner.ts';
import { type Judge, judgeBy } from '@reel/policy/cedar.ts';
import policy from '@reel/policy/policy.ts';
import type { PolicyFile } from '@reel/policy/source.ts';
import { fitting } from '@reel/policy/strict-judge.ts';
import saga from '@reel/saga-tracker/saga-tracker.ts';
import validator from '@reel/validator/validator.ts';

/** Everybody but who acts on the world. */
export const cast = (judge: Judge): Player[] => [
  { service: planner },
  { service: policy, deps: { judge } },
  { service: validator },
  { service: saga },
  { service: desk },
];

/** Policies, to be asked the same in every run, and nothing that the schema of questions does not describe: what they rule out, which costs most, is worked out once. */
export function judgeOf(files: readonly PolicyFile[]): Judge {
  const judge = fitting(judgeBy(files));
  const known = new Map<string, boolean>();
  return {
    ...judge,
    rulesOut: (question) => {
      const { who, action, resource, context } = question;
      const key = JSON.stringify([who, action, resource, context]);
      let answer = known.get(key);
      if (answer === undefined) known.set(key, (answer = judge.rulesOut(question)));
      return answer;
    },
  };
}

const judges = new Map<string, Judge>();

/** The policies of one file. */
export function judgeOfText(text: string): Judge {
  let judge = judges.get(text);
  if (judge === undefined) judges.set(text, (judge = judgeOf([{ path: 'simulated.cedar', name: 'simulated.cedar', text }])));
  return judge;
}
