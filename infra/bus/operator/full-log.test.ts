/** A log of which a replica is late: what it does not have yet is had from its leader. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { JetStreamManager } from '@nats-io/jetstream';
import { fullLogOf } from './full-log.ts';

type Message = { readonly subject: string; readonly seq: number; readonly time: Date; string(): string };
type Query = { last_by_subj?: string; next_by_subj?: string; seq?: number };
type Several = { multi_last: readonly [string] };

const message = (seq: number, subject: string): Message => ({ subject, seq, time: new Date(seq), string: () => `body ${seq}` });
const facts = ['run.run.1.request', 'step.s.1.request', 'step.s.1.outcome', 'run.run.1.outcome'].map((place, i) =>
  message(i * 10 + 1, `reel.0.R.${place}`),
);
const other = message(22, 'reel.0.Other.run.run.1.request');
const value = message(1, 'blob.0.planner.R.abc');
const log = [...facts, other].sort((a, b) => a.seq - b.seq);

/** What a server answers who has these messages. */
function answer(has: readonly Message[], { last_by_subj, next_by_subj, seq = 0 }: Query): Message | null {
  const filter = last_by_subj ?? next_by_subj ?? '';
  const under = has.filter(({ subject }) => subject === filter || (filter.endsWith('>') && subject.startsWith(filter.slice(0, -1))));
  return (last_by_subj === undefined ? under.find((one) => one.seq >= seq) : under.at(-1)) ?? null;
}

/** A manager as far as it is asked here. @param replica the facts that a replica has; of values it has none. */
function managerOf(replica: readonly Message[]): JetStreamManager {
  const found = {
    direct: {
      getMessage: async (stream: string, query: Query) => answer(stream === 'REEL_0' ? replica : [], query),
      getLastMessagesFor: async (_: string, query: Several) => lastOf(replica, query),
    },
    streams: { getMessage: async (stream: string, query: Query) => answer(stream === 'REEL_0' ? log : [value], query) },
  };
  // The client's own type has every call that there is.
  return found as unknown as JetStreamManager;
}
async function* lastOf(has: readonly Message[], { multi_last: [filter] }: Several): AsyncGenerator<Message> {
  yield* has.filter(({ subject }) => subject.startsWith(filter.slice(0, -1)));
}

for (const has of [0, 2, 4])
  it(`a run of which a replica has ${has} of 4 facts is read to its end`, async () => {
    const raws = await fullLogOf(managerOf(facts.slice(0, has))).run(0, 'R');
    assert.deepEqual(
      raws.map(({ seq, subject, body }) => [seq, subject, body]),
      facts.map(({ seq, subject }) => [seq, subject, `body ${seq}`]),
    );
  });

it('a run of which nobody has anything is empty', async () => {
  assert.deepEqual(await fullLogOf(managerOf([])).run(0, 'Nowhere'), []);
});

it('a value that a replica does not have is had from its leader; one that only another has written is not there', async () => {
  const load = fullLogOf(managerOf([])).blobs(0, 'R');
  assert.equal(await load('planner', 'abc'), 'body 1');
  assert.equal(await load('policy', 'abc'), undefined);
});
