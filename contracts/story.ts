/** All facts, in the order of a run: the catalogue by which services read the log. */
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
  // A run is requested; policy lets it begin.
  r.keyClaimed, r.runRequested,
  r.runApproved, r.runDenied, r.runHeld,
  r.runGranted, r.runRefused, r.runExpired,
  // The planner proposes a plan; policy judges it as a whole.
  p.planProposed, p.planAbandoned,
  p.planApproved, p.planDenied, p.planHeld,
  p.planGranted, p.planRefused, p.planExpired,
  // Every step: requested, judged (perhaps by a person), started, performed, checked; or retried.
  s.stepRequested, s.stepSkipped,
  s.stepApproved, s.stepDenied, s.stepHeld,
  voteCast, voteDenied,
  s.stepGranted, s.stepRefused, s.stepExpired,
  s.stepStarted, s.stepWithdrawn,
  s.stepSucceeded, s.stepFailed, s.stepUnknown, s.stepTimedOut, s.stepLate,
  s.stepAccepted, s.stepRejected,
  s.stepPostponed, s.stepDue,
  // The answer: proposed, checked, judged.
  a.answerProposed,
  a.answerAccepted, a.answerRejected,
  a.answerApproved, a.answerDenied, a.answerHeld,
  a.answerGranted, a.answerRefused, a.answerExpired,
  // The closing, one per run, and what follows from it.
  r.cancelRequested,
  r.closingCompleted, r.closingFailing, r.closingCancelling, r.closingExhausted,
  u.undoRequested,
  u.undoApproved, u.undoDenied, u.undoHeld,
  u.undoGranted, u.undoRefused, u.undoExpired,
  u.undoStarted,
  u.undoSucceeded, u.undoFailed, u.undoUnknown, u.undoTimedOut, u.undoLate,
  r.runCompleted, r.runFailed, r.runCancelled, r.runExhausted, r.runStranded,
  // Facts after the end of a run, and faults.
  s.stepResidue, faultRaised,
] as const;

type Definition = (typeof catalogue)[number];

/** The type of every fact. */
export type FactType = Definition['type'];

/** The event of a given type. */
export type EventOf<Type extends FactType> = Event<z.output<Extract<Definition, { type: Type }>['shape']>, Type>;

/** Every definition, in order. */
export const story: readonly FactDefinition[] = catalogue;

const byType = new Map(story.map((definition) => [definition.type, definition]));

/** The definition of a type; undefined for a fact that Reel does not define. */
export const definitionOf = (type: string): FactDefinition | undefined => byType.get(type);
