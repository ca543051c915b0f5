/** The same five words for everything that is judged. */
import { answerApproved, answerDenied, answerGranted, answerHeld, answerRefused } from '@reel/contracts/answer.ts';
import type { FactDefinition } from '@reel/contracts/envelope.ts';
import { planApproved, planDenied, planGranted, planHeld, planRefused } from '@reel/contracts/plan.ts';
import { runApproved, runDenied, runGranted, runHeld, runRefused } from '@reel/contracts/run.ts';
import { stepApproved, stepDenied, stepGranted, stepHeld, stepRefused } from '@reel/contracts/step.ts';
import { undoApproved, undoDenied, undoGranted, undoHeld, undoRefused } from '@reel/contracts/undo.ts';

export type Family = 'run' | 'plan' | 'step' | 'undo' | 'answer';

/** A definition without its type: the fields are the same in every family. */
type Said<Definition> = Definition extends FactDefinition<string, infer Shape> ? FactDefinition<string, Shape> : never;

type Words = {
  readonly approved: Said<typeof stepApproved>;
  readonly denied: Said<typeof stepDenied>;
  readonly held: Said<typeof stepHeld>;
  readonly granted: Said<typeof stepGranted>;
  readonly refused: Said<typeof stepRefused>;
};

export const families: { readonly [family in Family]: Words } = {
  run: { approved: runApproved, denied: runDenied, held: runHeld, granted: runGranted, refused: runRefused },
  plan: { approved: planApproved, denied: planDenied, held: planHeld, granted: planGranted, refused: planRefused },
  step: { approved: stepApproved, denied: stepDenied, held: stepHeld, granted: stepGranted, refused: stepRefused },
  undo: { approved: undoApproved, denied: undoDenied, held: undoHeld, granted: undoGranted, refused: undoRefused },
  answer: { approved: answerApproved, denied: answerDenied, held: answerHeld, granted: answerGranted, refused: answerRefused },
};
