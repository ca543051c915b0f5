/**
 * What was lost of the streams: what they hold is compared with what was acknowledged. A server that finds a damaged store goes on with
 * what it can read, and uses the positions of the rest again.
 */
import { hash } from 'node:crypto';
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StoredMsg,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Damage } from '../jetstream/lost-end.ts';
import { API_PREFIX, isClock } from '../jetstream/names.ts';
import { nextOf, reached } from '../jetstream/stored.ts';
import { OPERATOR, type PROVISIONER } from '../runtime/role.ts';

/** How far a stream reached: its first message, when that was stored (ms since the epoch), and its last position. */
export type Mark = { readonly first: number; readonly firstMs: number; readonly last: number };
export type Marks = { readonly [stream: string]: Mark };

/** Each position of these holds a message for as long as the stream keeps it: nothing is deleted or replaced. */
export const isWriteOnce = (stream: string): boolean => stream.startsWith('REEL_') || stream.startsWith('BLOB_');

const NOT_FOUND: ReadonlySet<number> = new Set([JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound]);

const unlessAbsent = (error: Error): undefined => {
  if (error instanceof JetStreamApiError && NOT_FOUND.has(error.code)) return undefined;
  throw error;
};

const infoOf = (manager: JetStreamManager, stream: string): Promise<StreamInfo | undefined> =>
  manager.streams.info(stream, { deleted_details: true }).catch(unlessAbsent);

/** Where a stream should reach, and who says so. */
export type Claimed = { readonly stream: string; readonly last: number; readonly who: string };

export type Known = {
  /** As they were written down outside of the broker. */
  readonly marks: Marks;
  /** Others who know of positions, such as an archive. */
  readonly claims: readonly Claimed[];
  /** The durables, by stream. */
  readonly durables: ReadonlyMap<string, readonly string[]>;
};

export type Inspection = {
  /** How far the streams reach now. */
  marks(): Promise<Marks>;
  /** What the streams report, compared with what is known otherwise. A missing stream has lost nothing unless something is known of it. */
  lost(known: Known): Promise<Damage[]>;
  /** What cannot be read although the broker has it: everything is read. */
  unreadable(): Promise<Damage[]>;
  /** Drops timers and durables: made again, these deliver everything, and what was said in answer to what was lost is said again. */
  forget(durables: Known['durables']): Promise<void>;
};

/** @param as whose connection it is; the operator may not drop durables */
export async function inspect(
  connection: NatsConnection,
  streams: readonly string[],
  as: typeof PROVISIONER | typeof OPERATOR,
): Promise<Inspection> {
  const prefix = as === OPERATOR ? { apiPrefix: API_PREFIX } : {};
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 30_000, ...prefix });
  return {
    marks: () => marksOf(manager, streams),
    lost: (known) => lostOf(manager, streams, known),
    unreadable: async () => {
      const found: Damage[] = [];
      for (const stream of streams) found.push(...(await unreadableOf(manager, stream)));
      return found;
    },
    forget: async (durables) => {
      // Every timer is computed from the log and set again, and a record that cannot be read would be found for ever.
      for (const stream of streams.filter(isClock)) await manager.streams.purge(stream).catch(unlessAbsent);
      for (const [stream, names] of durables) for (const name of names) await manager.consumers.delete(stream, name).catch(unlessAbsent);
    },
  };
}

/** With what is missing in between, where each position holds a message; elsewhere that says nothing, and can be long. */
const statedOf = (manager: JetStreamManager, stream: string): Promise<StreamInfo | undefined> =>
  isWriteOnce(stream) ? infoOf(manager, stream) : manager.streams.info(stream).catch(unlessAbsent);

const mayHaveAgedOut = ({ config }: Pick<StreamInfo, 'config'>, storedMs: number): boolean =>
  config.max_age > 0 && storedMs + Number(config.max_age) / 1e6 <= Date.now();

/** How far the streams reach now. */
async function marksOf(manager: JetStreamManager, streams: readonly string[]): Promise<Marks> {
  const infos = await Promise.all(streams.map((stream) => manager.streams.info(stream).catch(unlessAbsent)));
  return Object.fromEntries(
    infos.flatMap((info) => {
      if (info === undefined) return [];
      const { first_seq: first, first_ts: firstTime, last_seq: last } = info.state;
      return [[info.config.name, { first, firstMs: Date.parse(firstTime), last }]];
    }),
  );
}

/** What the streams say of themselves, held against what is known otherwise. A stream that is not there yet has lost nothing, if no mark names it. */
async function lostOf(manager: JetStreamManager, streams: readonly string[], known: Known): Promise<Damage[]> {
  const found: Damage[] = [];
  for (const stream of streams) {
    // The durables first: what they have been given stands in the stream by the time it is asked.
    const claims = [...known.claims.filter((one) => one.stream === stream), ...(await durablesOf(manager, stream, known))];
    const info = await statedOf(manager, stream);
    const mark = known.marks[stream];
    if (mark !== undefined) claims.push({ stream, last: mark.last, who: 'it was acknowledged up to there' });
    found.push(...(info === undefined ? goneOf(stream, claims) : [...endOf(info, claims), ...holesOf(info, mark)]));
  }
  return found;
}

async function durablesOf(manager: JetStreamManager, stream: string, { durables }: Known): Promise<Claimed[]> {
  const names = durables.get(stream) ?? [];
  const infos = await Promise.all(names.map((name) => manager.consumers.info(stream, name).catch(unlessAbsent)));
  return infos.flatMap((info) =>
    info === undefined
      ? []
      : [
          {
            stream,
            last: Math.max(info.delivered.stream_seq, info.ack_floor.stream_seq),
            who: `the durable ${info.name} was given what stood there`,
          },
        ],
  );
}

const furthest = (claims: readonly Claimed[]): Claimed | undefined => claims.toSorted((a, b) => b.last - a.last)[0];

function goneOf(stream: string, claims: readonly Claimed[]): Damage[] {
  const { last = 0, who = '' } = furthest(claims) ?? {};
  return last === 0 ? [] : [{ stream, from: 1, to: last, why: `the broker does not know the stream any more, and ${who}` }];
}

function endOf({ config: { name: stream }, state }: StreamInfo, claims: readonly Claimed[]): Damage[] {
  const claim = furthest(claims);
  if (claim === undefined || claim.last <= state.last_seq) return [];
  return [{ stream, from: state.last_seq + 1, to: claim.last, why: `the stream ends before, and ${claim.who}` }];
}

function holesOf({ config, state }: StreamInfo, mark: Mark | undefined): Damage[] {
  if (!isWriteOnce(config.name)) return [];
  const stream = config.name;
  // Nothing is told of what is missing where nothing is.
  const { first_seq: first } = state;
  const deleted: readonly number[] | undefined = state.deleted;
  const holes = rangesOf(first === 0 ? [] : (deleted ?? [])).map(([from, to]) => ({
    stream,
    from,
    to,
    why: 'the broker does not have them',
  }));
  // The oldest age out. What had not come of age is lost.
  if (
    mark === undefined ||
    mayHaveAgedOut({ config }, mark.firstMs) ||
    mark.first === 0 ||
    mark.first >= first ||
    state.last_seq < mark.last
  )
    return holes;
  return [
    { stream, from: mark.first, to: first - 1, why: 'the stream begins after them, and they are too young to have aged out' },
    ...holes,
  ];
}

/** Positions in ascending order, as ranges. */
function rangesOf(positions: readonly number[]): [from: number, to: number][] {
  const ranges: [number, number][] = [];
  for (const position of positions) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === position) last[1] = position;
    else ranges.push([position, position]);
  }
  return ranges;
}

/** Values beside facts can be large: an answer carries at most so many messages, and so many bytes. */
const BATCH = { batch: 1000, max_bytes: 8 * 1024 * 1024 } as const;

/**
 * Reads a whole stream and names what the broker says that it has and does not give out: it looks at most records when
 * they are asked for, and not before. A value that is not what its digest says is as good as lost.
 */
async function unreadableOf(manager: JetStreamManager, stream: string): Promise<Damage[]> {
  const info = await statedOf(manager, stream);
  if (info === undefined || info.state.messages === 0) return [];
  const { first_seq: first, last_seq: last, messages } = info.state;
  const { served, wrong } = await servedBy(manager, info);
  // Most of the time that is all. Where messages are replaced, what is between them would be long to tell.
  if (wrong.length === 0 && served.size >= messages) return [];
  const now = (await infoOf(manager, stream))?.state ?? info.state;
  // A broker that comes upon damage forgets what it cannot read, so that what it had before counts, unless it may have aged out.
  const kept = isWriteOnce(stream) && !mayHaveAgedOut(info, Date.parse(info.state.first_ts));
  const gone = new Set(kept ? info.state.deleted : now.deleted);
  const lost = [...wrong];
  for (let position = kept ? first : Math.max(first, now.first_seq); position <= last; position += 1)
    if (!served.has(position) && !gone.has(position) && !(await isThere(manager, stream, position))) lost.push(position);
  const why = 'the broker has a record of them, and cannot read it';
  return rangesOf(lost.sort((a, b) => a - b)).map(([from, to]) => ({ stream, from, to, why }));
}

/** The positions that are given out, and those of values that are not what they say. */
async function servedBy(
  manager: JetStreamManager,
  { config, state: { first_seq: first, last_seq: last } }: StreamInfo,
): Promise<{ served: Set<number>; wrong: number[] }> {
  const stream = config.name;
  const served = new Set<number>();
  const wrong: number[] = [];
  for (let next = first, before = 0; next <= last && next !== before; ) {
    before = next;
    await reached(async () => {
      for await (const { seq, subject, data } of await following(manager, config, next)) {
        served.add(seq);
        if (stream.startsWith('BLOB_') && !isWhatItSays(subject, data)) wrong.push(seq);
        next = seq + 1;
      }
    });
  }
  return { served, wrong };
}

/** The next messages from a position on. A stream that does not let itself be read in batches is read one by one. */
async function following(
  manager: JetStreamManager,
  { name, allow_direct }: StreamInfo['config'],
  seq: number,
): Promise<AsyncIterable<StoredMsg> | StoredMsg[]> {
  if (allow_direct) return await manager.direct.getBatch(name, { ...nextOf(seq, '>'), ...BATCH });
  const found = await manager.streams.getMessage(name, nextOf(seq, '>'));
  return found === null ? [] : [found];
}

/** A replica may be late, its leader is not. */
const isThere = async (manager: JetStreamManager, stream: string, seq: number): Promise<boolean> =>
  ((await reached(() => manager.streams.getMessage(stream, { seq }))) ?? undefined) !== undefined;

function isWhatItSays(subject: string, data: Uint8Array): boolean {
  const digest = subject.split('.').at(-1) ?? '';
  return !/^[0-9a-f]{64}$/.test(digest) || hash('sha256', data) === digest;
}
