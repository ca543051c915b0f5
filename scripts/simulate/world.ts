/** A world for plans made at random: its tools do as they are told to misbehave, and every effect of theirs is kept by its key. */
import assert from 'node:assert/strict';
import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { type ApprovedCall, Failure } from '@reel/bus/service.ts';
import type { Place } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import type { Effect, ToolDefinition } from '@reel/contracts/tool.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import type { Escalated, Question } from '@reel/contracts/workflow/attempt.ts';
import { doubtsIn } from '../verify/doubts.ts';
import { type Played, RUN } from './story.ts';

type Registered = Pick<ToolDefinition, 'retry' | 'withinMs'>;

function tool(name: string, effect: Effect, undo?: string, registered: Registered = {}): ToolDefinition {
  const compensation = undo === undefined ? {} : { compensation: { uses: undo, with: { of: '= result.key' } } };
  const known = { name, description: '', server: 'world', input: { type: 'object' }, effect, timeoutMs: 10_000, concurrency: 16 };
  const all = { ...known, ...compensation, ...registered };
  return { ...all, digest: digestOf(all) };
}

/** `send` cannot be undone and `sign` is held for a person; `forbidden` is denied to everybody. */
export const tools: { readonly [name: string]: ToolDefinition } = Object.fromEntries(
  [
    tool('look', 'read-only'),
    tool('weigh', 'metered'),
    tool('book', 'idempotent', 'cancel'),
    tool('sign', 'idempotent', 'cancel'),
    tool('pay', 'once', 'repay', { retry: { attempts: 2, delayMs: 700 } }),
    tool('send', 'idempotent', undefined, { retry: { attempts: 3, delayMs: 700 }, withinMs: 20_000 }),
    tool('forbidden', 'read-only'),
    tool('cancel', 'idempotent', undefined, { retry: { attempts: 4, delayMs: 500 } }),
    tool('repay', 'once'),
  ].map((one) => [one.name, one]),
);

export const policies = `
@id("all") permit (principal, action, resource);
@id("signed") @hold("Sign it?") permit (principal, action == Action::"step", resource == Tool::"sign");
@id("no") @reason("it is forbidden") forbid (principal, action == Action::"step", resource == Tool::"forbidden");`;

/**
 * What a tool does when it is called. It `refuses` for good, or `fails` and may be tried again; the line `breaks` before or after it is
 * done; it does it and `lies` about what came of it; it `hangs`.
 */
export const doings = ['works', 'refuses', 'fails', 'breaks', 'breaks-after', 'lies', 'hangs'] as const;
export type Doing = (typeof doings)[number];

type Kept = { readonly uses: string; times: number; readonly undoneBy: Set<string> };

export type World = {
  /** Carries out a call under its idempotency key, in this way. */
  act(call: ApprovedCall, key: string, doing: Doing, signal: AbortSignal): Promise<Json>;
  /** What a person finds who looks whether an attempt took effect: what it gave, if it did. */
  look(at: Place): Json | undefined;
  /** @throws AssertionError when an effect or a payment was repeated, or the run does not tell the truth about what is in the world */
  check(played: Played): void;
};

export function openWorld(): World {
  const effects = new Map<string, Kept>();
  const paid = new Map<string, number>();
  /** Effects that were not there when a person looked. Those that came later could not be seen. */
  const missed = new Set<string>();

  /** An effect happens once under each key, if its tool honours keys; every call of one that does not is an effect of its own. */
  function happen({ uses, effect, arguments: args }: ApprovedCall, key: string): void {
    if (effect === 'read-only' || effect === 'metered') return;
    const known = effects.get(key);
    if (known === undefined) effects.set(key, { uses, times: 1, undoneBy: new Set() });
    else if (effect === 'once') known.times += 1;
    if (isUndo(uses)) effects.get(args['of'] as string)?.undoneBy.add(key);
  }

  async function act(call: ApprovedCall, given: string, doing: Doing, signal: AbortSignal): Promise<Json> {
    const { effect, at } = call;
    const key = effect === 'once' ? `${given}.${at.n}` : given;
    if (effect === 'metered') paid.set(`${key}.${at.n}`, (paid.get(`${key}.${at.n}`) ?? 0) + 1);
    // A key that was used gives the same result again.
    const isDone = effect === 'idempotent' && effects.has(key);
    if (!isDone && doing === 'refuses') throw new Failure({ code: 'refused', message: 'never', retryable: false });
    if (!isDone && doing === 'fails') throw new Failure({ code: 'busy', message: 'not now', retryable: true });
    if (doing === 'breaks') throw new Error('the line went dead');
    if (doing === 'hangs') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    happen(call, key);
    if (doing === 'breaks-after') throw new Error('the line went dead');
    return { n: doing === 'lies' ? -1 : 1, key };
  }

  function look({ kind, id, n }: Place): Json | undefined {
    const key = [`${RUN}.${kind}.${id}`, `${RUN}.${kind}.${id}.${n}`].find((one) => effects.has(one));
    if (key !== undefined) return { n: 1, key };
    missed.add(`${RUN}.${kind}.${id}`).add(`${RUN}.${kind}.${id}.${n}`);
    return undefined;
  }

  function check(played: Played): void {
    for (const [key, times] of paid) assert.equal(times, 1, `${key} was paid for ${times} times`);
    for (const [key, { times, undoneBy }] of effects) {
      assert.equal(times, 1, `${key} took effect ${times} times`);
      // A person who looked and did not find it undone had it repeated.
      const isRepeated = [...undoneBy].some((undo) => missed.has(undo));
      assert.ok(undoneBy.size <= 1 || isRepeated, `${key} was undone by ${[...undoneBy].join(' and ')}`);
    }
    tellsTheTruth(played, effects, missed);
  }
  return { act, look, check };
}

/** Every effect is meant to be in the world, or is taken back, or is told of; `missed` are those that need not be. */
function tellsTheTruth({ history, entries, outcome }: Played, effects: ReadonlyMap<string, Kept>, missed: ReadonlySet<string>): void {
  if (outcome === undefined) return;
  const keyOf = ({ kind, id, n }: Place): string => {
    const words = kind.startsWith('undo-') ? undoRequested : stepRequested;
    const effect = history.find(words, { kind, id, n })?.data?.call.effect;
    return `${history.run}.${kind}.${id}${effect === 'once' ? `.${n}` : ''}`;
  };
  const keysOf = (type: string): string[] => entries.flatMap((one) => (!isInvalid(one) && one.type === type ? [keyOf(one.at)] : []));
  const { stranded = [], undone = [], remaining = [] } = outcome.data as { [list in 'stranded' | 'undone' | 'remaining']?: Place[] };
  const asked = new Set([...keysOf('step.request.requested'), ...keysOf('undo.request.requested')]);
  // An invalid entry in the slot of a residue hides it.
  const residues = entries.filter(({ at }) => at.slot === 'residue').map(({ at }) => keyOf(at));
  const told = new Set([...[...stranded, ...remaining, ...doubtsIn(entries)].map(keyOf), ...residues, ...missed]);
  const meant = new Set([...keysOf('step.check.accepted'), ...suppliedIn(history, entries).map(keyOf)]);
  const isCompleted = outcome.type === 'run.outcome.completed';
  for (const at of undone) assert.ok((effects.get(keyOf(at))?.undoneBy.size ?? 0) > 0, `${keyOf(at)} is told to be undone, and is not`);
  for (const [key, { uses, undoneBy }] of effects) {
    assert.ok(asked.has(key), `${key} was done under a key that was not issued`);
    if (isUndo(uses)) continue;
    if (isCompleted) {
      assert.equal(undoneBy.size, 0, `${key} was undone, and the run is completed`);
      assert.ok(meant.has(key) || told.has(key), `${key} is in the world, nothing rests on it, and nothing tells of it`);
    } else if (undoneBy.size === 0) {
      assert.ok(told.has(key), `${key} is in the world, and ${outcome.type} does not tell of it`);
    }
  }
}

/** The form of a person who is asked about a failed step. For a step in doubt, they look and say what they find. */
export function escalated(action: Escalated['action'] | undefined, asked: Partial<Question>, world: World): Json | undefined {
  if (action === undefined) return undefined;
  const found = asked.unknown === true && asked.attempt !== undefined ? world.look(asked.attempt) : undefined;
  if (asked.unknown !== true) return action === 'supply' ? { action, result: { n: 1, key: '' } } : { action };
  if (action === 'end') return found === undefined ? { action } : { action, result: found };
  return found === undefined ? { action: 'retry' } : { action: 'supply', result: found };
}

/** The attempts of which a person said what they had given. */
function suppliedIn(history: History, entries: readonly Entry[]): Place[] {
  return entries.flatMap((entry) => {
    if (isInvalid(entry) || entry.type !== 'step.check.accepted' || entry.at.kind !== 'person') return [];
    const question = history.find(stepRequested, entry.at)?.data.call.arguments as Partial<Question> | undefined;
    const said = history.find(stepSucceeded, entry.at)?.data.output as Partial<Escalated> | undefined;
    return question?.attempt !== undefined && said?.action === 'supply' ? [question.attempt] : [];
  });
}

const isUndo = (uses: string): boolean => uses === 'cancel' || uses === 'repay';
