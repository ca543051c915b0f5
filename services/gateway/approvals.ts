/** Open approvals, and decisions on them. A decision is a vote; policy rules whether it counts. */

import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { parseAddress, theRun } from '@reel/contracts/address.ts';
import type { JsonSchema } from '@reel/contracts/envelope.ts';
import { expiresAt } from '@reel/contracts/run/expiry.ts';
import { runRequested } from '@reel/contracts/run.ts';
import type { Call } from '@reel/contracts/step.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import { wrongBy } from './field-errors.ts';
import { HttpProblem } from './problems.ts';
import { approvalId, type Listed, type Runs } from './runs.ts';
import type { Approval, Ruling } from './shapes.ts';
import { iso } from './time.ts';
import { castVote, type Vote } from './voting.ts';

/** All open approvals, the oldest first. */
export async function approvalsOf(edge: Edge, runs: Runs, run: string | undefined): Promise<Approval[]> {
  const listed = run === undefined ? runs.open() : [runs.get(run)].filter((one) => one !== undefined);
  const each = await Promise.all(listed.flatMap((one) => [...one.held.values()].map((held) => approvalOf(edge, one, held))));
  return each.sort((a, b) => (a.heldAt < b.heldAt ? -1 : 1));
}

async function approvalOf(edge: Edge, run: Listed, held: Entry): Promise<Approval> {
  const { kind, id, n } = held.at;
  const history = await edge.history(run.shard, run.id);
  const request = history.occupant({ kind, id, n }, 'request');
  const call = request === undefined || isInvalid(request) ? undefined : (request.data as { call?: Call }).call;
  const { prompt, form, policies } = (held as Entry & { data: { prompt: string; form?: JsonSchema; policies: string[] } }).data;
  const deadlineMs = history.find(runRequested, theRun)?.data.deadlineMs ?? 0;
  // The question of a step expires with its run at the latest. A question about an effect in doubt may outlive the run.
  const ownMs = expiresAt({ kind, id, n }, held.time, call, deadlineMs);
  const untilMs = kind === 'person' && history.occupant(theRun, 'closing') === undefined ? Math.min(ownMs, deadlineMs) : ownMs;
  return {
    id: approvalId(held),
    run: run.id,
    workflow: run.workflow,
    kind,
    step: id,
    question: held.address,
    prompt,
    ...(form === undefined ? {} : { form }),
    ...(call === undefined ? {} : { uses: call.uses, arguments: call.arguments }),
    heldAt: iso(held.time),
    expiresAt: iso(untilMs),
    policies,
    requestedBy: run.requestedBy,
  };
}

type Decision = { decision: 'grant' | 'refuse'; who: string; why: string; form?: unknown };

/** How long to wait for policy to rule on a vote before answering `pending`. */
const PATIENCE_MS = 10_000;

/** Casts a vote and waits for the ruling of policy. @throws HttpProblem */
export async function decide(edge: Edge, id: string, decision: Decision, traceparent: string): Promise<Ruling> {
  const at = parseAddress(`reel.${id}.verdict`);
  const known = at !== undefined && at.shard < edge.shards;
  const history = known ? await edge.history(at.shard, at.run) : undefined;
  // A verdict that another replica has just served may not have reached this process: ask the leader, once.
  const held = known ? (history?.occupant(at, 'verdict') ?? (await edge.occupant(at.shard, at.run, at, 'verdict'))) : undefined;
  if (at === undefined || history === undefined || held === undefined || isInvalid(held) || !held.type.endsWith('.held')) {
    throw new HttpProblem(404, 'no-such-approval', 'There is no such approval', `"${id}" is not in the list of GET /v1/approvals`);
  }
  const vote: Vote = {
    question: held.address,
    decision: decision.decision,
    who: decision.who,
    why: decision.why,
    ...(decision.form === undefined ? {} : { form: decision.form as never }),
  };
  const ruled = history.occupant(at, 'ruling');
  if (ruled !== undefined) {
    const address = addressOfSame(history, ruled, vote);
    if (address === undefined) throw alreadyRuled(ruled);
    return answerTo(id, at.run, decision, address, ruled);
  }
  const { form } = held.data as { form?: JsonSchema };
  if (decision.decision === 'grant' && form !== undefined) {
    const wrong = wrongBy(form, decision.form);
    if (wrong !== undefined)
      throw new HttpProblem(422, 'form-invalid', 'Invalid form', wrong, [
        { path: 'body.form', message: wrong, value: (decision.form ?? null) as never },
      ]);
  }
  const { vote: address, answer } = await castVote(edge, at, vote, { patienceMs: PATIENCE_MS, traceparent });
  return answerTo(id, at.run, decision, address, answer);
}

/** The address of the vote that was ruled on, if its content equals this one. A vote that is sent again gets the same answer. */
function addressOfSame(history: History, ruled: Entry, vote: Vote): string | undefined {
  const { vote: address = '' } = (isInvalid(ruled) ? {} : ruled.data) as { vote?: string };
  const at = parseAddress(address);
  const cast = at === undefined ? undefined : history.find(voteCast, at);
  return cast !== undefined && digestOf(cast.data) === digestOf(vote) ? address : undefined;
}

function answerTo(id: string, run: string, { who, why, form }: Decision, vote: string, entry: Entry | undefined): Ruling {
  const own = { id, run, who, why, vote, ...(form === undefined ? {} : { form: form as never }) };
  if (entry === undefined) return { ...own, ruling: 'pending' };
  if (isInvalid(entry)) throw new HttpProblem(409, 'unreadable-ruling', 'The ruling cannot be read', entry.invalid);
  if (entry.at.kind === 'vote') {
    const { problem } = entry.data as { problem: { code: string; message: string } };
    throw new HttpProblem(403, problem.code, 'The vote does not count', problem.message);
  }
  if ((entry.data as { vote?: string }).vote !== vote) throw alreadyRuled(entry);
  return { ...own, ruling: entry.type.endsWith('.granted') ? 'granted' : 'refused', at: new Date(entry.time).toISOString() };
}

function alreadyRuled(entry: Entry): HttpProblem {
  const { who } = (isInvalid(entry) ? {} : entry.data) as { who?: string };
  const answer = isInvalid(entry) ? 'decided' : entry.type.split('.')[2];
  return new HttpProblem(
    409,
    'already-ruled',
    'The approval was decided already',
    `${answer}${who === undefined ? '' : ` by ${who}`} at ${new Date(entry.time).toISOString()}`,
  );
}
