/** Who is there, as a door hears it: whoever has not been heard of for five beats is gone, and so is what only they had on offer. */
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { Msg, NatsConnection } from 'nats';
import { ALIVE_MS, Announcement, aliveSubject, type Component, ROLL_CALL } from './alive.ts';
import { plainBody } from './plain.ts';

export type Roll = {
  /** Those that are there, by name and age. */
  components(): readonly Component[];
  /** The names of the tools on offer, or `all` of those that are registered, as long as an executor has not told which. */
  tools(): ReadonlySet<string> | 'all';
  models(): readonly ModelDefinition[];
  /** The kinds of step that somebody performs. */
  kinds(): ReadonlySet<string>;
  /** Resolves when everybody has had the time to answer the first roll call. */
  readonly called: Promise<void>;
  close(): void;
};

/** An executor that is busy answers a roll call late; nobody else is asked to wait for long. */
const ANSWER_MS = 500;
const BEATS = 5;

type Known = { readonly component: Component; readonly left: boolean; heardMs: number };

/** Calls the roll, and keeps it. */
export function openRoll(connection: NatsConnection, everyMs = ALIVE_MS): Roll {
  const known = new Map<string, Known>();
  let awayMs: number | undefined;

  const hear = (error: Error | null, message: Msg): void => {
    const said = error === null ? announcementIn(message) : undefined;
    if (said === undefined) return;
    const { leaving = false, ...component } = said;
    known.set(message.subject, { component, left: leaving, heardMs: performance.now() });
  };
  const subscription = connection.subscribe('alive.>', { callback: hear });
  const ask = (): void => connection.publish(ROLL_CALL);
  ask();
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect') awayMs ??= performance.now();
      if (type !== 'reconnect') continue;
      // While the broker was away nobody could be heard: that tells nothing about them.
      for (const one of known.values()) one.heardMs = performance.now();
      awayMs = undefined;
      ask();
    }
  })();
  const answered = Promise.withResolvers<void>();
  const timer = setTimeout(answered.resolve, ANSWER_MS);

  function alive(): Known[] {
    const oldestMs = (awayMs ?? performance.now()) - BEATS * everyMs;
    for (const [subject, { heardMs }] of known) if (heardMs < oldestMs) known.delete(subject);
    return [...known.values()];
  }
  /** Those whose offers count. One that leaves is expected back, as after an update: until it is overdue, or another is there instead. */
  function offering(): Component[] {
    const all = alive();
    const here = new Set(all.filter(({ left }) => !left).map(({ component }) => component.name));
    return all.filter(({ left, component }) => !left || !here.has(component.name)).map(({ component }) => component);
  }
  const ofKind = (kind: string): Component[] => offering().filter((component) => component.kind === kind);

  return {
    components: () =>
      alive()
        .filter(({ left }) => !left)
        .map(({ component }) => component)
        .sort((a, b) => order(a).localeCompare(order(b), 'en')),
    tools: () => {
      const offers = ofKind('tool').map(({ offers }) => offers.tools);
      return offers.includes(undefined) ? 'all' : new Set(offers.flatMap((tools) => tools ?? []));
    },
    models: () => {
      const models = ofKind('model').flatMap(({ offers }) => offers.models ?? []);
      return [...new Map(models.map((model) => [model.name, model])).values()].sort((a, b) => a.name.localeCompare(b.name, 'en'));
    },
    kinds: () => new Set(offering().flatMap(({ kind }) => kind ?? [])),
    called: answered.promise,
    close: () => {
      clearTimeout(timer);
      answered.resolve();
      if (!connection.isClosed()) subscription.unsubscribe();
    },
  };
}

const order = ({ name, startedAt, instance }: Component): string => `${name} ${startedAt} ${instance}`;

/** What a message announces, where its subject bears it out: the broker lets nobody speak under another's name, or for another's kind. */
function announcementIn(message: Msg): Announcement | undefined {
  const { data } = Announcement.safeParse(plainBody(message));
  return data !== undefined && message.subject === aliveSubject(data.name, data.instance, data.kind) ? data : undefined;
}
