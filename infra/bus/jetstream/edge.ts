/** The edge on JetStream. */
import { addressOf, type Place, theRun } from '@reel/contracts/address.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { NatsConnection } from 'nats';
import type { Edge } from '../edge.ts';
import type { Ailment } from '../health.ts';
import { type Entry, historyOf } from '../history.ts';
import type { Log } from '../log.ts';
import { publishOne } from '../runtime/publish.ts';
import type { Logger } from '../service.ts';
import { openPresenceTracker } from '../signals/presence-tracker.ts';
import { watchRun } from '../signals/token-stream.ts';
import { readTools } from '../signals/tool-registry.ts';
import type { RunCache } from './run-cache.ts';
import { openSpace } from './storage-space.ts';

type Tools = ReadonlyMap<string, ToolDefinition>;

export type EdgeOptions = {
  readonly connection: NatsConnection;
  readonly log: Log;
  readonly reader: RunCache;
  readonly shards: number;
  /** The log of the process. */
  readonly logger: Logger;
  /** How often services say that they are there. */
  readonly aliveMs?: number | undefined;
  readonly ailment?: (() => Ailment | undefined) | undefined;
};

/** Opens the edge of the service `name`. */
export async function openEdge(name: string, options: EdgeOptions): Promise<{ edge: Edge; close(): void }> {
  const { connection, log, reader, shards, logger, aliveMs } = options;
  const registry = await readTools(connection, logger);
  const space = await openSpace(connection, shards);
  const roll = openPresenceTracker(connection, logger, aliveMs);
  const offered = offeredOf();
  const history: Edge['history'] = async (shard, run) => historyOf(await reader.read(shard, run));
  const edge: Edge = {
    shards,
    history,
    publish: (shard, run, draft, options = {}) => publishOne(log, { source: name, shard, run, fromOutside: true, ...options }, draft),
    find: async (run) => {
      for (let shard = 0; shard < shards; shard += 1) {
        if ((await history(shard, run)).occupant(theRun, 'request') !== undefined) return shard;
        // What another replica has just been told may not have come here yet: its leader is asked, once.
        const request = await reader.occupant(addressOf({ shard, run, ...theRun, slot: 'request' }));
        if (request !== undefined) {
          await reader.read(shard, run, request.seq);
          return shard;
        }
      }
      return undefined;
    },
    occupant: (shard: number, run: string, at: Place, slot: string): Promise<Entry | undefined> =>
      reader.occupant(addressOf({ shard, run, ...at, slot })),
    runs: (shard, fromSeq) => reader.scan(shard, `reel.${shard}.*.run.>`, fromSeq),
    follow: (listener) => reader.follow(listener),
    watch: (run, listener) => watchRun(connection, run, listener),
    tools: async () => {
      await roll.called;
      return offered(await registry.tools(), roll.tools());
    },
    registered: () => registry.tools(),
    components: roll.components,
    models: roll.models,
    kinds: roll.kinds,
    followComponents: roll.follow,
    ailment: async () => options.ailment?.() ?? (await space.ailment()),
    ready: async () => {
      await roll.called;
      await reader.occupant(addressOf({ shard: 0, run: 'ready', ...theRun, slot: 'request' }));
    },
  };
  const close = (): void => {
    space.close();
    roll.close();
    registry.close();
  };
  return { edge, close };
}

/** Those of the registered tools that are on offer. What is derived from the map is kept for as long as it is the same map. */
function offeredOf(): (registered: Tools, names: ReadonlySet<string> | 'all') => Tools {
  let last: { registered: Tools; names: string; tools: Tools } | undefined;
  return (registered, names) => {
    if (names === 'all') return registered;
    const key = [...names].sort().join('\n');
    if (last?.registered !== registered || last.names !== key)
      last = { registered, names: key, tools: new Map([...registered].filter(([name]) => names.has(name))) };
    return last.tools;
  };
}
