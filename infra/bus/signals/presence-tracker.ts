/** The running components, as an edge knows them. A component that is silent for five heartbeats is gone, with what only it offered. */
import { isDeepStrictEqual } from 'node:util';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { Msg, NatsConnection } from 'nats';
import { Announcement, type Component } from '../component.ts';
import { failoverOf } from '../jetstream/failover.ts';
import type { Logger } from '../service.ts';
import { messageBody } from './message.ts';
import { PRESENCE_MS, PRESENCE_QUERY, presenceSubject } from './presence.ts';

export type PresenceTracker = {
  /** Those that are there, by name and age. */
  components(): readonly Component[];
  /**
   * The names of the tools on offer, or `all` of those that are registered: as long as an executor has not told which, and for the first
   * five beats while none has been heard, since one that is busy may not have come to answering.
   */
  tools(): ReadonlySet<string> | 'all';
  models(): readonly ModelDefinition[];
  /** The kinds of step that somebody performs. */
  kinds(): ReadonlySet<string>;
  /** Hears whenever somebody has come, gone, or changed what is on offer. @returns how to stop. */
  follow(listener: () => void): () => void;
  /** Resolves when everybody has had the time to answer the first roll call. */
  readonly called: Promise<void>;
  close(): void;
};

/** A busy executor answers a presence query late. The wait is short for all others. */
const ANSWER_MS = 500;
const BEATS = 5;

/** An announcement may be as long as one that names every tool an executor may offer. */
const LONGEST_ANNOUNCEMENT = 512 * 1024;
/**
 * What is kept under one name. The broker lets a service announce itself under its own name alone, so one that is taken over fills its own
 * place and no other. The instances that were there first stay.
 */
const MOST_INSTANCES = 256;
const MOST_BYTES = 4 * 1024 * 1024;
/** What is read under one name in a beat: as much as it may keep, and once more when the roll is called. */
const MOST_READ = 2 * MOST_BYTES;

/** `heard`: the beat in which it was last heard. `bytes`: of its announcement. */
type Known = { readonly component: Component; readonly left: boolean; readonly bytes: number; heard: number };

/** Calls the roll, and keeps it. `everyMs` is how often services announce themselves. */
export function openPresenceTracker(connection: NatsConnection, log: Pick<Logger, 'warn'>, everyMs = PRESENCE_MS): PresenceTracker {
  const known = new Map<string, Known>();
  /** The services of which it was told that they say too much. */
  const full = new Set<string>();
  /** What was read in this beat, by name. */
  const read = new Map<string, number>();
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  // Silence is counted in beats of this process while it has a broker that answers: that it was busy or cut off itself, or on a node that
  // is, tells nothing about others.
  let beat = 0;
  let away = false;

  /** Whether there is a place for one more announcement under its name. */
  function hasRoom(subject: string, bytes: number): boolean {
    const name = nameIn(subject);
    const others = [...known].filter(([other]) => other !== subject && nameIn(other) === name);
    if (others.length < MOST_INSTANCES && others.reduce((sum, [, one]) => sum + one.bytes, bytes) <= MOST_BYTES) return true;
    return refuse(subject, `at most ${MOST_INSTANCES} instances and ${MOST_BYTES} bytes of announcements are kept`);
  }
  function mayRead(subject: string, bytes: number): boolean {
    const name = nameIn(subject);
    const sum = (read.get(name) ?? 0) + bytes;
    if (sum > MOST_READ) return refuse(subject, `at most ${MOST_READ} bytes are read in ${everyMs} ms`);
    read.set(name, sum);
    return true;
  }
  function refuse(subject: string, why: string): false {
    const name = nameIn(subject);
    if (!full.has(name)) log.warn({ service: name, subject }, `"${name}" announces too much, and some of it is not heard: ${why}.`);
    full.add(name);
    return false;
  }

  const hear = (error: Error | null, message: Msg): void => {
    const { subject, data } = message;
    if (error !== null) return;
    if (data.length > LONGEST_ANNOUNCEMENT) return void refuse(subject, `an announcement may have ${LONGEST_ANNOUNCEMENT} bytes`);
    const before = known.get(subject);
    // Before it is read: reading is what costs.
    if (data.length > (before?.bytes ?? -1) && !hasRoom(subject, data.length)) return;
    const said = mayRead(subject, data.length) ? announcementIn(message) : undefined;
    if (said === undefined) return;
    const { leaving: left = false, ...component } = said;
    known.set(subject, { component, left, bytes: data.length, heard: beat });
    if (before?.left !== left || !isDeepStrictEqual(before.component, component)) tell();
  };
  const subscription = connection.subscribe('presence.>', { callback: hear });
  const ask = (): void => connection.publish(PRESENCE_QUERY.subject, JSON.stringify(PRESENCE_QUERY.question));
  ask();
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') away = true;
      if (type !== 'reconnect') continue;
      away = false;
      ask();
    }
  })();
  const beating = setInterval(() => {
    read.clear();
    if (away || failoverOf(connection).silent()) return;
    beat += 1;
    const gone = [...known].filter(([, { heard }]) => beat - heard >= BEATS);
    for (const [subject] of gone) known.delete(subject);
    if (gone.length > 0) tell();
  }, everyMs).unref();
  const answered = Promise.withResolvers<void>();
  // A process that is busy itself may look at its clock before it looks at the answers: those that had arrived are heard by the round trip.
  const timer = setTimeout(() => void connection.flush().then(answered.resolve, answered.resolve), ANSWER_MS);

  const here = (): Component[] => [...known.values()].filter(({ left }) => !left).map(({ component }) => component);
  /** Those whose offers count. One that leaves is expected back, as after an update: until it is overdue, or another is there instead. */
  function offering(): Component[] {
    const names = new Set(here().map(({ name }) => name));
    return [...known.values()].filter(({ left, component }) => !left || !names.has(component.name)).map(({ component }) => component);
  }
  const ofKind = (kind: string): Component[] => offering().filter((component) => component.kind === kind);

  return {
    components: () => here().sort((a, b) => order(a).localeCompare(order(b), 'en')),
    tools: () => {
      const offers = ofKind('tool').map(({ offers }) => offers.tools);
      return (offers.length === 0 && beat < BEATS) || offers.includes(undefined) ? 'all' : new Set(offers.flatMap((tools) => tools ?? []));
    },
    models: () => {
      const models = ofKind('model').flatMap(({ offers }) => offers.models ?? []);
      return [...new Map(models.map((model) => [model.name, model])).values()].sort((a, b) => a.name.localeCompare(b.name, 'en'));
    },
    kinds: () => new Set(offering().flatMap(({ kind }) => kind ?? [])),
    follow: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    called: answered.promise,
    close: () => {
      clearTimeout(timer);
      clearInterval(beating);
      answered.resolve();
      if (!connection.isClosed()) subscription.unsubscribe();
    },
  };
}

/** `presence.<name>.<instance>` */
const nameIn = (subject: string): string => subject.split('.', 2)[1] ?? '';

const order = ({ name, startedAt, instance }: Component): string => `${name} ${startedAt} ${instance}`;

/** The announcement of a message, if it agrees with its subject: the broker holds every service to its own name and kind there. */
function announcementIn(message: Msg): Announcement | undefined {
  const { data } = Announcement.safeParse(messageBody(message));
  return data !== undefined && message.subject === presenceSubject(data.name, data.instance, data.kind) ? data : undefined;
}
