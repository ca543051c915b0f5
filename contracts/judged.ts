/** The families of facts that are judged, each with the same six facts. */
import { answerApproved, answerDenied, answerExpired, answerGranted, answerHeld, answerRefused } from './answer.ts';
import type { FactDefinition } from './envelope.ts';
import { planApproved, planDenied, planExpired, planGranted, planHeld, planRefused } from './plan.ts';
import { runApproved, runDenied, runExpired, runGranted, runHeld, runRefused } from './run.ts';
import { stepApproved, stepDenied, stepExpired, stepGranted, stepHeld, stepRefused } from './step.ts';
import { undoApproved, undoDenied, undoExpired, undoGranted, undoHeld, undoRefused } from './undo.ts';

export type Family = 'run' | 'plan' | 'step' | 'undo' | 'answer';

/** A definition without its type: the fields are the same in every family. */
type Said<Definition> = Definition extends FactDefinition<string, infer Shape> ? FactDefinition<string, Shape> : never;

type Words = {
  readonly approved: Said<typeof stepApproved>;
  readonly denied: Said<typeof stepDenied>;
  readonly held: Said<typeof stepHeld>;
  readonly granted: Said<typeof stepGranted>;
  readonly refused: Said<typeof stepRefused>;
  readonly expired: Said<typeof stepExpired>;
};

export const families: { readonly [family in Family]: Words } = {
  run: { approved: runApproved, denied: runDenied, held: runHeld, granted: runGranted, refused: runRefused, expired: runExpired },
  plan: { approved: planApproved, denied: planDenied, held: planHeld, granted: planGranted, refused: planRefused, expired: planExpired },
  step: { approved: stepApproved, denied: stepDenied, held: stepHeld, granted: stepGranted, refused: stepRefused, expired: stepExpired },
  undo: { approved: undoApproved, denied: undoDenied, held: undoHeld, granted: undoGranted, refused: undoRefused, expired: undoExpired },
  answer: {
    approved: answerApproved,
    denied: answerDenied,
    held: answerHeld,
    granted: answerGranted,
    refused: answerRefused,
    expired: answerExpired,
  },
};

export const isFamily = (about: string): about is Family => Object.hasOwn(families, about);
