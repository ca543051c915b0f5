/** The names of streams, of their subjects beside the facts, and of the API by which they are reached. */

/** A service's copy of an imported subject of the JetStream API: clients ask for it with this prefix. */
export const API_PREFIX = 'LOG.API';

export const reelStream = (shard: number): string => `REEL_${shard}`;

export const blobStream = (shard: number): string => `BLOB_${shard}`;

/** The timers of one service have a stream of their own: a service that may set a timer may also delete all timers of its stream, which the broker cannot be configured to refuse. */
export const clockStream = (shard: number, service: string): string => `CLOCK_${shard}_${service}`;

export const isClock = (stream: string | undefined): boolean => stream?.startsWith('CLOCK_') === true;

export const REGISTRY_BUCKET = 'tools';

export const REGISTRY_STREAM = `KV_${REGISTRY_BUCKET}`;

/** Where facts are passed on to when they are stored. */
export const LIVE_FACTS = 'live.*.*.*.*.*.*';

/** Where the changes of the registry are passed on to. */
export const LIVE_TOOLS = 'live.tools';

/** Where a service asks for a timer of a run, and where the timer rings. */
export const timerSubject = (shard: number | '*', service: string, what: 'set' | 'fired'): string => `timer.${shard}.${service}.${what}`;
