/** Every fact, in the order in which a run meets them: the catalogue by which services read the log. */
import type { z } from 'zod';
import * as a from './answer.ts';
import type { Event, FactDefinition } from './envelope.ts';
import { faultRaised } from './fault.ts';
import * as p from './plan.ts';
import * as r from './run.ts';
import * as s from './step.ts';
import * as u from './undo.ts';
import { voteCast, voteDenied } from './vote.ts';

// biome-ignore format: one line a slot, in the order of a run
const catalogue = [
  // Somebody asks; policy lets it begin.
  r.keyClaimed, r.runRequested,
  r.runApproved, r.runDenied, r.runHeld,
  r.runGranted, r.runRefused, r.runExpired,
  // The planner says how; policy looks at the whole of it.
  p.planProposed, p.planAbandoned,
  p.planApproved, p.planDenied, p.planHeld,
  p.planGranted, p.planRefused, p.planExpired,
  // Every step: asked for, judged (perhaps by a person), started, done, checked; or tried again.
  s.stepRequested, s.stepSkipped,
  s.stepApproved, s.stepDenied, s.stepHeld,
  voteCast, voteDenied,
  s.stepGranted, s.stepRefused, s.stepExpired,
  s.stepStarted, s.stepWithdrawn,
  s.stepSucceeded, s.stepFailed, s.stepUnknown, s.stepTimedOut, s.stepLate,
  s.stepAccepted, s.stepRejected,
  s.stepPostponed, s.stepDue,
  // The answer: composed, checked, judged.
  a.answerProposed,
  a.answerAccepted, a.answerRejected,
  a.answerApproved, a.answerDenied, a.answerHeld,
  a.answerGranted, a.answerRefused, a.answerExpired,
  // The turn, which there is only one of, and what follows from it.
  r.cancelRequested,
  r.closingCompleted, r.closingFailing, r.closingCancelling, r.closingExhausted,
  u.undoRequested,
  u.undoApproved, u.undoDenied, u.undoHeld,
  u.undoGranted, u.undoRefused, u.undoExpired,
  u.undoStarted,
  u.undoSucceeded, u.undoFailed, u.undoUnknown, u.undoTimedOut, u.undoLate,
  r.runCompleted, r.runFailed, r.runCancelled, r.runExhausted, r.runStranded,
  // What comes when it is over, and what should not have come at all.
  s.stepResidue, faultRaised,
] as const;

type Definition = (typeof catalogue)[number];

/** The type of every fact there is. */
export type FactType = Definition['type'];

/** The event of a given type. */
export type EventOf<Type extends FactType> = Event<z.output<Extract<Definition, { type: Type }>['shape']>, Type>;

/** Every definition, in order. */
export const story: readonly FactDefinition[] = catalogue;

const byType = new Map(story.map((definition) => [definition.type, definition]));

/** The definition of a type, or undefined for a fact of somebody else's making. */
export const definitionOf = (type: string): FactDefinition | undefined => byType.get(type);
