/** Given, when, then for services that only decide: facts as drafts, no bus, no clock. */
import { addressOf, type Place, theRun } from '@reel/contracts/address.ts';
import type { Draft, Event } from '@reel/contracts/envelope.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { append, emptyRunLog, historyOf, isInvalid } from '../history.ts';
import type { Answers, Service } from '../service.ts';

/** A log made of drafts, one second apart from `startMs`; they are parsed as if they had been read. */
export function given(drafts: readonly Draft[], startMs = Date.UTC(2026, 0, 1)) {
  const log = emptyRunLog(0, 'R');
  for (const draft of drafts) {
    const seq = log.entries.length + 1;
    const at = { shard: 0, run: 'R', ...draft.at, slot: draft.slot };
    const definition = definitionOf(draft.type);
    const data = definition === undefined ? draft.data : definition.shape.parse(draft.data);
    const cause = log.entries.at(-1)?.address ?? addressOf(at);
    append(
      log,
      { address: addressOf(at), at, type: draft.type, seq, time: startMs + seq * 1000, source: 'given', cause, data },
      definition?.after,
    );
  }
  return {
    log,
    history: historyOf(log),
    /** What the service answers to the last of the facts. */
    // biome-ignore lint/suspicious/noThenProperty: given, when, then; it is never awaited itself
    async then<Deps extends object>(service: Service<Deps>, deps: Deps): Promise<Answers> {
      const event = log.entries.at(-1);
      if (event === undefined || isInvalid(event)) return [];
      const handler = service.on[event.type as never] as unknown as ((event: Event, context: object) => Answers) | undefined;
      return handler === undefined ? [] : handler(event, { ...deps, history: historyOf(log, event.seq) });
    },
    /** What the service answers when the clock rings `afterMs` after the last of the facts. */
    async fire<Deps extends object>(service: Service<Deps>, deps: Deps, afterMs: number, name = 'tick'): Promise<Answers> {
      const time = startMs + log.entries.length * 1000 + afterMs;
      return (await service.on['timer.fired']?.({ name, shard: 0, run: 'R', time }, { ...deps, history: historyOf(log) })) ?? [];
    },
  };
}

/** What was answered, as `type` at `kind.id.n`, for plain assertions. */
export const told = (said: Answers): string[] =>
  said.map((one) => ('timer' in one ? `timer ${one.timer}` : `${one.type} ${placeText(one.at)}`));

const placeText = (at: Place): string => (at.kind === theRun.kind ? 'run' : `${at.kind}.${at.id}.${at.n}`);
