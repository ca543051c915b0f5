/** What a person's vote leads to: a ruling on what is held, or the reason why it does not count. */

import type { History } from '@reel/bus/history.ts';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { ASKED, aboutOf, type Parts, parseAddress, theRun } from '@reel/contracts/address.ts';
import type { Draft, Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { type Family, families, isFamily } from '@reel/contracts/judged.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { checkAgainst } from '@reel/contracts/schema.ts';
import { stepRequested } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import { voteDenied } from '@reel/contracts/vote.ts';
import type { Judge, Question } from './cedar.ts';
import { findingsIn } from './detect/findings.ts';
import { type Run, theRunOf } from './question.ts';
import { referTo } from './value.ts';

type Vote = EventOf<'vote.request.cast'>;

/** What is held, and where. */
type Held = { readonly family: Family; readonly at: Parts; readonly run: Run; readonly form?: JsonSchema | undefined };

type Objection = { readonly code: string; readonly message: string };

export function judgeVote(vote: Vote, history: History, judge: Judge): Draft {
  const against = (policies: string[], problem: Objection): Draft =>
    voteDenied(vote.at, { policies, policySet: judge.digest, question: digestOf(vote.data), problem: { retryable: false, ...problem } });
  const held = heldBy(vote.data.question, history);
  if ('code' in held) return against([], held);
  const objection = objectionTo(vote, held);
  if (objection !== undefined) return against([], objection);
  const opinion = judge.ask(questionOf(vote, held, history));
  return opinion.allowed ? ruling(vote, held) : against(opinion.policies, opinion.problem);
}

/** The held request that a vote is about, if it has no ruling yet. */
function heldBy(question: string, history: History): Held | Objection {
  const at = parseAddress(question);
  const family = at === undefined ? undefined : aboutOf(at.kind);
  const known = at?.run === history.run && at.shard === history.shard && at.slot === 'verdict';
  if (at === undefined || family === undefined || !known || !isFamily(family)) {
    return { code: 'not-held', message: `"${question}" is not the address of a verdict of this run` };
  }
  const held = history.find(families[family].held, at);
  if (held === undefined) return { code: 'not-held', message: `nothing is held at ${question}` };
  const ruling = history.occupant(at, 'ruling');
  if (ruling !== undefined) {
    const what = 'type' in ruling ? ruling.type.split('.').at(-1) : 'invalid';
    return { code: 'already-ruled', message: `${question} has been decided: ${what}` };
  }
  if (family !== 'undo' && history.occupant(theRun, 'closing') !== undefined) {
    return { code: 'run-closing', message: 'the run is closing: held requests are not carried out any more' };
  }
  const run = history.find(runRequested, theRun)?.data;
  if (run === undefined) return { code: 'no-approved-run', message: 'the request of the run cannot be read, so the requester is unknown' };
  return { family, at, run, form: held.data.form };
}

function objectionTo({ data }: Vote, { form }: Held): Objection | undefined {
  if (data.decision === 'refuse' || form === undefined) return undefined;
  if (data.form === undefined) return { code: 'form-invalid', message: 'the form is missing: fill it in' };
  const wrong = whatIsWrong(form, data.form);
  return wrong === undefined ? undefined : { code: 'form-invalid', message: `the form is not filled in as asked: ${wrong}` };
}

function whatIsWrong(form: JsonSchema, filled: Json): string | undefined {
  try {
    return checkAgainst(form, filled);
  } catch (error) {
    // A form that cannot be checked cannot be granted; it can be refused.
    return (error as Error).message;
  }
}

function questionOf({ at, data }: Vote, { at: place, family, run }: Held, history: History): Question {
  const request = family === 'step' ? stepRequested : undoRequested;
  const uses = family === 'step' || family === 'undo' ? history.find(request, place)?.data.call.uses : undefined;
  const requestedBy = referTo('User', run.requestedBy);
  return {
    who: data.who,
    action: 'vote',
    findings: () => findingsIn({ form: data.form ?? null, why: data.why }),
    resource: { type: 'Question', id: `${place.kind}/${place.id}` },
    context: {
      decision: data.decision,
      // A person asked after the closing answers like one asked before it.
      kind: place.kind === ASKED ? 'person' : place.kind,
      uses,
      requestedBy,
      run: theRunOf(at, run),
    },
  };
}

function ruling({ address, data }: Vote, { at, family, form }: Held): Draft {
  const { who, why } = data;
  const { granted, refused } = families[family];
  if (data.decision === 'refuse') return refused(at, { who, why, vote: address });
  // A person who was asked for no more than a yes has answered with an empty form.
  const filled = form !== undefined ? data.form : at.kind === 'person' ? {} : undefined;
  return granted(at, { who, why, vote: address, ...(filled === undefined ? {} : { form: filled }) });
}
