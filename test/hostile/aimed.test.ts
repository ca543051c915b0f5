/**
 * The broker sends the answer to a request to the reply that the request names, be it where others listen. Here every request that the
 * broker lets anybody make is aimed at every subject that anybody subscribes to, both taken from the roles as they are: what is added to
 * them is tried by itself.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { PubAck } from '@reel/bus/jetstream/publisher.ts';
import { headers, type Msg, type NatsConnection } from 'nats';
import { type Attacker, freshUnder, isUnder, knownUnder, openScene, type Scene } from './fixture.ts';
import { mimicry, type Observer, openObservers } from './observers.ts';

/** Something that stands in a stream and can be asked for. */
type Known = { readonly subject: string; readonly stream: string; readonly seq: number };

/** So far ahead of the log are the other streams filled: what stands there is at positions that the log is about to come to. */
const AHEAD = 4000;

let scene: Scene;
let observers: Awaited<ReturnType<typeof openObservers>>;
let reading: NatsConnection;
const connections = new Map<string, NatsConnection>();
const known: Known[] = [];
/** Patterns of subjects at which somebody is answered. */
const answering = new Set<string>();
/** Patterns of subjects at which something is stored. */
const storing = new Set<string>();
/** Subjects at which deliveries of the attacker's own durable are acknowledged. */
const acks = new Map<string, string[]>();

before(async () => {
  scene = await openScene();
  observers = await openObservers(scene);
  reading = await scene.as('gateway');
  for (const { name } of scene.attackers) connections.set(name, await scene.as(name));
  await Promise.all(scene.attackers.map(store));
  for (const attacker of scene.attackers) await fillUp(attacker);
  // What they have said in their own name, and what they have told of themselves, is theirs to say.
  for (const observer of observers.byPattern.values()) for (const attacker of scene.attackers) await observer.changed(attacker);
});
after(() => scene.close());

const connectionOf = ({ name }: Attacker): NatsConnection => connections.get(name) as NatsConnection;
const all = (): Observer[] => [...observers.byPattern.values()];

/** Says what would be believed elsewhere wherever it may, with the headers of what would be believed as well. @returns when it is stored. */
async function store(attacker: Attacker): Promise<void> {
  const mine = connectionOf(attacker);
  const ask = async (pattern: string, body: string, carried?: ReturnType<typeof headers>): Promise<void> => {
    const subject = freshUnder(pattern);
    const answer = await mine
      .request(subject, body, { timeout: 500, ...(carried === undefined ? {} : { headers: carried }) })
      .catch(() => undefined);
    const { stream, seq } = parsed(answer);
    if (answer !== undefined) answering.add(pattern);
    if (stream !== undefined && seq !== undefined) {
      known.push({ subject, stream, seq });
      storing.add(pattern);
    }
    if (answer?.reply?.startsWith('$JS.ACK.')) acks.set(attacker.name, [...(acks.get(attacker.name) ?? []), answer.reply]);
  };
  await Promise.all(
    attacker.publish.flatMap((pattern) => [
      ...all().map(({ forged }) => ask(pattern, forged)),
      ask(pattern, (all()[0] as Observer).forged, mimicry(observers.position() + 100)),
      ask(pattern, '{}', traced('live.0.victim.tool.danger.1.verdict')),
      ask(pattern, JSON.stringify({ batch: 1, expires: 300_000_000 })),
    ]),
  );
}
function traced(target: string): ReturnType<typeof headers> {
  const carried = headers();
  carried.set('Nats-Trace-Dest', target);
  return carried;
}
function parsed(answer: Msg | undefined): PubAck & { stream?: string } {
  try {
    return answer?.json<PubAck & { stream?: string }>() ?? {};
  } catch {
    return {};
  }
}

/** True when anybody may ask for single messages of a stream. */
const canBeRead = (stream: string): boolean =>
  scene.attackers.some(({ publish }) => publish.some((pattern) => pattern.includes(`.GET.${stream}`)));

/** Fills what it can fill beside the log beyond the positions to which the log will come. */
async function fillUp(attacker: Attacker): Promise<void> {
  const mine = connectionOf(attacker);
  const streams = new Map(known.map((one) => [one.stream, one]));
  for (const pattern of attacker.publish) {
    const like = [...streams.values()].find(({ subject, stream }) => stream !== 'REEL_0' && isUnder(pattern, subject));
    if (like === undefined || !canBeRead(like.stream)) continue;
    const forged = (all()[0] as Observer).forged;
    let seq = Math.max(...known.filter(({ stream }) => stream === like.stream).map((one) => one.seq));
    while (seq < observers.position() + AHEAD) {
      const subjects = Array.from({ length: 500 }, () => freshUnder(pattern));
      const answers = await Promise.all(subjects.map((subject) => mine.request(subject, forged, { timeout: 10_000 })));
      const stored = answers.map((answer, index) => ({
        subject: subjects[index] as string,
        stream: like.stream,
        seq: parsed(answer).seq ?? 0,
      }));
      known.push(...stored);
      seq = Math.max(...stored.map((one) => one.seq));
    }
  }
}

/** What stands beside the log at the positions to which the log comes next. */
const near = (): string[] => {
  const position = observers.position();
  return known.filter(({ stream, seq }) => stream !== 'REEL_0' && seq > position && seq <= position + 3).map(({ subject }) => subject);
};

/** What may be asked of a subject, of whatever kind it is: answers with a body of the attacker's choice above all. */
function questions({ forged }: Observer): string[] {
  const position = observers.position();
  const asked = [
    { seq: position + 1 },
    { seq: position + 2 },
    { seq: position },
    ...near().map((subject) => ({ last_by_subj: subject })),
    { seq: 1, batch: 4, next_by_subj: '>' },
    { seq: position + 1, batch: 4, next_by_subj: '>' },
    { multi_last: ['reel.0.victim.>'], batch: 4 },
    { batch: 1, no_wait: true },
    { batch: 1, expires: 200_000_000 },
  ];
  return ['', forged, '+ACK', '+NXT', ...asked.map((one) => JSON.stringify(one))];
}

/** Aims everything that an attacker may ask for at one target. */
function aim(attacker: Attacker, target: string, observer: Observer): void {
  const mine = connectionOf(attacker);
  const send = (subject: string, body: string): void => {
    try {
      mine.publish(subject, body, { reply: target });
    } catch {
      // Refused by the client itself.
    }
  };
  const subjects = [...near(), ...(acks.get(attacker.name) ?? [])];
  const isStoring = (pattern: string): boolean => storing.has(pattern);
  for (const pattern of attacker.publish.filter((one) => !isStoring(one)))
    for (const subject of [freshUnder(pattern), ...knownUnder(pattern, subjects)])
      for (const body of questions(observer)) send(subject, body);
  // These come last: with them the log goes on, to positions that nothing was aimed at.
  for (const pattern of attacker.publish.filter(isStoring)) for (const body of [observer.forged, '']) send(freshUnder(pattern), body);
}

/** Resolves when everything that was asked before has been answered: the same is asked once more, and answered in turn. */
async function answered(attacker: Attacker): Promise<void> {
  const mine = connectionOf(attacker);
  const patterns = attacker.publish.filter((pattern) => answering.has(pattern));
  // A durable that was asked to wait before answers nobody else meanwhile.
  const isSure = (pattern: string): boolean => !pattern.includes('.MSG.NEXT.');
  await Promise.allSettled(patterns.filter(isSure).map((pattern) => mine.request(freshUnder(pattern), '', { timeout: 2000 })));
  await reading.flush();
}

it('every subject that anybody may subscribe to has an observer here', () => {
  const patterns = scene.attackers.flatMap(({ name, subscribe }) =>
    subscribe.map((one) => (one === `_INBOX_${name}.>` ? '_INBOX_*.>' : one)),
  );
  assert.deepEqual([...observers.byPattern.keys()].sort(), [...new Set(patterns)].sort());
});

describe('an answer that is aimed at where others listen changes nothing there', () => {
  it('whoever asks, whatever it is, and wherever it is aimed', { timeout: 120_000 }, async () => {
    for (const attacker of scene.attackers) {
      let arrived = 0;
      const targets = [...observers.byPattern.values()].flatMap((observer) => observer.targets.map((target) => ({ target, observer })));
      const ears = targets
        .filter(({ target }) => !target.startsWith('_INBOX_'))
        .map(({ target }) => reading.subscribe(target, { callback: () => void (arrived += 1) }));
      await reading.flush();
      for (const { target, observer } of targets) {
        aim(attacker, target, observer);
        await connectionOf(attacker).flush();
      }
      await answered(attacker);
      for (const ear of ears) ear.unsubscribe();
      for (const [pattern, observer] of observers.byPattern)
        assert.equal(await observer.changed(attacker), undefined, `${attacker.name}, at ${pattern}`);
      assert.ok(arrived > 20, `of what ${attacker.name} has asked for, ${arrived} answers came where they were aimed`);
    }
  });
});
