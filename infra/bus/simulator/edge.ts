/** The edge of the simulator: exact and without faults, for those who ask for runs and look at them. */
import { addressOf, parseAddress, theRun } from '@reel/contracts/address.ts';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { Component } from '../component.ts';
import type { Edge } from '../edge.ts';
import { type Entry, historyOf } from '../history.ts';
import type { Log } from '../log.ts';
import { publishOne } from '../runtime/publish.ts';
import type { SimulatedLog } from './log.ts';

export type SimulatedEdge = {
  readonly log: SimulatedLog;
  /** Told of everything that is said through the edge. */
  readonly stored: (entry: Entry) => void;
  readonly now: () => number;
  readonly components: readonly Component[];
  readonly tools?: readonly ToolDefinition[];
  readonly models?: readonly ModelDefinition[];
};

export function simulatedEdge({ log, stored, now, components, tools = [], models = [] }: SimulatedEdge): Edge {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const port = {
    put: (fact: Parameters<Log['put']>[0]) => {
      const put = log.put(fact, now());
      if (put === 'taken') return Promise.resolve(put);
      stored(put);
      return Promise.resolve({ seq: put.seq });
    },
    position: (address: string) => Promise.resolve(log.at(address)?.seq),
    occupant: (address: string) => Promise.resolve(log.at(address)),
    read: (_shard: number, run: string) => Promise.resolve(log.run(run)),
    setTimer: () => Promise.resolve(),
    now,
    pause: () => Promise.resolve(),
  } satisfies Log;
  return {
    shards: 1,
    publish: (shard, run, draft, options = {}) => publishOne(port, { source: 'gateway', shard, run, fromOutside: true, ...options }, draft),
    history: (_shard, run) => Promise.resolve(historyOf(log.run(run))),
    find: (run) => Promise.resolve(log.run(run).byAddress.has(addressOf({ shard: 0, run, ...theRun, slot: 'request' })) ? 0 : undefined),
    occupant: (shard, run, at, slot) => Promise.resolve(log.at(addressOf({ shard, run, ...at, slot }))),
    runs: async function* () {
      for (const entry of log.entries) if (parseAddress(entry.address)?.kind === 'run') yield entry;
    },
    follow: () => () => {},
    watch: () => () => {},
    tools: () => Promise.resolve(byName),
    registered: () => Promise.resolve(byName),
    components: () => components,
    models: () => models,
    kinds: () => new Set(components.flatMap(({ kind }) => kind ?? [])),
    followComponents: () => () => {},
    ailment: () => Promise.resolve(undefined),
    ready: () => Promise.resolve(),
  };
}
