/** What has to be true when everything is over: the protocol was kept, every run ended by name, nothing happened twice, and the world is as the runs say. */
import { type Entry, type History, historyOf, isInvalid } from '@reel/bus/history.ts';
import type { FullLog } from '@reel/bus/operator/full-log.ts';
import { entriesOf } from '@reel/bus/verifier/gather.ts';
import { nothingVerified, type Verified, verifyShard } from '@reel/bus/verifier/verify.ts';
import { type Place, parseAddress, theRun } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import type { Escalated, Question } from '@reel/contracts/workflow/attempt.ts';
import type { World } from '../demo/world-state.ts';
import { castIn } from '../local/operator.ts';
import { doubtsIn, faultsIn, isDoubt } from '../verify/doubts.ts';
import { type Desk, isUndo } from './desk.ts';
import { type Asked, FINAL } from './driver.ts';

/** A run as the log has it. */
export type Told = { readonly entries: readonly Entry[]; readonly history: History };

/** Reads every run, by its id. */
export async function readRuns(log: FullLog): Promise<Map<string, Told>> {
  const raws = new Map<string, Parameters<typeof entriesOf>[0][number][]>();
  for await (const raw of log.facts(0)) {
    const run = parseAddress(raw.subject)?.run ?? '';
    const known = raws.get(run);
    if (known === undefined) raws.set(run, [raw]);
    else known.push(raw);
  }
  const told = new Map<string, Told>();
  for (const [run, ones] of raws) {
    const entries = await entriesOf(ones, log.blobs(0, run));
    const byAddress = new Map(entries.map((entry) => [entry.address, entry]));
    told.set(run, { entries, history: historyOf({ shard: 0, run, entries: [...entries], byAddress }) });
  }
  return told;
}

export async function verified(log: FullLog, dir: string): Promise<Verified> {
  const all = nothingVerified();
  await verifyShard(log, 0, { now: Date.now(), cast: await castIn(dir) }, all);
  return all;
}

/** A line for each thing that is wrong with the runs and what they left. */
export function wrongs(asked: readonly Asked[], runs: ReadonlyMap<string, Told>, desk: Desk, world: World): string[] {
  return [
    ...ends(asked, runs),
    ...raised(runs),
    ...repeated(desk, world),
    ...[...runs].flatMap(([run, told]) => left(run, told, desk, world)),
  ];
}

/** What was acknowledged is there, and has ended as it was told to have. */
function ends(asked: readonly Asked[], runs: ReadonlyMap<string, Told>): string[] {
  return asked.flatMap(({ id, n, errand, status }) => {
    const what = `${errand.name} ${n} (${id ?? 'not accepted'})`;
    if (status === undefined || !FINAL.has(status)) return [`${what} has not ended: ${status ?? 'its status is unknown'}`];
    const outcome = runs.get(id ?? '')?.history.occupant(theRun, 'outcome');
    const isSo = outcome !== undefined && !isInvalid(outcome) && outcome.type === `run.outcome.${status}`;
    const found = outcome === undefined ? 'no outcome' : isInvalid(outcome) ? outcome.invalid : outcome.type;
    return isSo || (status === 'stranded' && outcome !== undefined) ? [] : [`${what} was told to be ${status}, and the log has ${found}`];
  });
}

/** No service gives up on a fact because it was killed or cut off. The only fault allowed is an effect in doubt. */
function raised(runs: ReadonlyMap<string, Told>): string[] {
  return [...runs].flatMap(([run, { entries }]) =>
    faultsIn(entries)
      .filter((one) => !isDoubt(one))
      .map(({ source, data: { event, problem } }) => `${run}: ${source} raised a fault about ${event}: ${problem.message}`),
  );
}

/** Under each key something happens once, and is undone once. */
function repeated({ effects, missed }: Desk, world: World): string[] {
  const atDesk = [...effects].flatMap(([key, { uses, times, undoneBy }]) => [
    ...(times > 1 && !missed.has(key) ? [`${key}: ${uses} happened ${times} times`] : []),
    ...(undoneBy.size > 1 ? [`${key}: undone under ${[...undoneBy].join(' and ')}`] : []),
  ]);
  const inWorld = Object.entries(world.ledger).flatMap(([key, { tool, effects: times }]) =>
    times > 1 ? [`${key}: ${tool} happened ${times} times`] : [],
  );
  return [...atDesk, ...inWorld];
}

type Effect = { readonly key: string; readonly uses: string; readonly stands: boolean };

const ITS: { readonly [tool: string]: (world: World, result: Record<string, unknown>) => string | undefined } = {
  book_hotel: ({ bookings }, { bookingId }) => bookings[bookingId as string]?.status,
  book_transfer: ({ transfers }, { transferId }) => transfers[transferId as string]?.status,
  book_taxi: ({ transfers }, { transferId }) => transfers[transferId as string]?.status,
  charge_card: ({ payments }, { paymentId }) => payments[paymentId as string]?.status,
};

/** What a run did to the world. */
function effectsOf(run: string, desk: Desk, world: World): Effect[] {
  const atDesk = [...desk.effects]
    .filter(([key, { uses }]) => key.startsWith(`${run}.`) && !isUndo(uses) && !desk.missed.has(key))
    .map(([key, { uses, undoneBy }]) => ({ key, uses, stands: undoneBy.size === 0 }));
  const inWorld = Object.entries(world.ledger)
    .filter(([key, { tool }]) => key.startsWith(`${run}.`) && tool in ITS)
    .map(([key, { tool, result }]) => {
      const status = ITS[tool]?.(world, result);
      return { key, uses: tool, stands: status === 'confirmed' || status === 'paid' };
    });
  return [...atDesk, ...inWorld];
}

/** Every effect of a run is meant to be there, or is taken back, or is told of. */
function left(run: string, { entries, history }: Told, desk: Desk, world: World): string[] {
  const outcome = history.occupant(theRun, 'outcome');
  if (outcome === undefined || isInvalid(outcome)) return [];
  const keyOf = ({ kind, id }: Place): string => `${run}.${kind}.${id}`;
  const { stranded = [], remaining = [] } = outcome.data as { [list in 'stranded' | 'remaining']?: Place[] };
  const residues = entries.filter(({ at }) => at.slot === 'residue').map(({ at }) => keyOf(at));
  const told = new Set([...[...stranded, ...remaining, ...doubtsIn(entries)].map(keyOf), ...residues]);
  const accepted = entries.filter((one): one is Event => !isInvalid(one) && one.type === 'step.check.accepted');
  const meant = new Set([...accepted.map(({ at }) => keyOf(at)), ...accepted.flatMap((one) => supplied(one, history)).map(keyOf)]);
  const isCompleted = outcome.type === 'run.outcome.completed';
  return effectsOf(run, desk, world).flatMap(({ key, uses, stands }) => {
    if (isCompleted && !stands) return [`${key}: ${uses} was undone, and the run is completed`];
    if (isCompleted && !meant.has(key) && !told.has(key))
      return [`${key}: ${uses} is in the world, nothing rests on it, and nothing tells of it`];
    if (!isCompleted && stands && !told.has(key)) return [`${key}: ${uses} is in the world, and ${outcome.type} does not tell of it`];
    return [];
  });
}

/** The attempt of which a person said what it had given. */
function supplied({ at }: Event, history: History): Place[] {
  if (at.kind !== 'person') return [];
  const question = history.find(stepRequested, at)?.data.call.arguments as Partial<Question> | undefined;
  const said = history.find(stepSucceeded, at)?.data.output as Partial<Escalated> | undefined;
  return question?.attempt !== undefined && said?.action === 'supply' ? [question.attempt] : [];
}
