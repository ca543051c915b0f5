/** The tools that are offered right now: where a call finds its tool, and what everybody else is told of them. */
import type { Acting, Logger, Registry, Surroundings } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { isToolName } from './definition.ts';
import { type Places, places } from './places.ts';
import type { Trouble } from './rests.ts';

/** A tool, and how it is called. */
export type Offer = {
  readonly definition: ToolDefinition;
  /** Asks whether this is what it is by now, and has the shelf stocked with what it is; absent where it cannot change. */
  readonly look?: () => Promise<void>;
  readonly call: (args: { readonly [name: string]: Json }, acting: Called) => Promise<Json>;
};

/** As much as a call has to know beside its arguments. */
export type Called = Pick<Acting, 'signal' | 'key' | 'traceparent'> &
  Pick<ToolDefinition, 'effect' | 'timeoutMs'> & { readonly trouble: Trouble };

export type Shelf = {
  /** These, and only these, are what this server offers from now on. A name that another server offers stays that one's. */
  stock(server: string, offers: readonly Offer[]): void;
  find(name: string): (Offer & { readonly places: Places }) | undefined;
  names(): string[];
  /** Which server offered a tool last, whether or not it still does. */
  lastAt(name: string): string | undefined;
  /** Resolves when the registry has been told of everything, or could not be. */
  told(): Promise<void>;
  close(): void;
};

/** So many tools are offered by one executor: their names are announced together, and every reader keeps what they are. */
const MOST_OFFERED = 2_000;
/** So many names are registered by one executor as long as it runs: a server that renames its tools again and again leaves them all behind. */
const MOST_NAMES = 4_000;

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

/**
 * A shelf that is on show: `offer` is told the names of the tools that are on it, whenever these change, and `registry` what they are. What
 * is gone stays registered: another replica may have it on its shelf, and only what somebody offers is there for anybody.
 */
export function openShelf({ registry, offer: tell, log }: Pick<Surroundings, 'registry' | 'offer' | 'log'>): Shelf {
  const shelf = new Map<string, Offer & { readonly places: Places }>();
  const last = new Map<string, string>();
  /** The servers of which it was told that they have too many. */
  const full = new Set<string>();
  const register = registerIn(registry, (name) => shelf.get(name)?.definition, log);
  const names = (): string[] => [...shelf.keys()].sort();

  const add = (server: string, offer: Offer): void => {
    const { name, concurrency } = offer.definition;
    const there = shelf.get(name);
    if (!isToolName(name)) {
      log.error(
        { server, tool: name },
        `The server "${server}" offers a tool named "${name}", which is not offered on: a name is 1 to 128 of A-Z a-z 0-9 _ - . /`,
      );
    } else if (there !== undefined && there.definition.server !== server) {
      const first = there.definition.server;
      log.error(
        { server, tool: name, first },
        `The servers "${first}" and "${server}" both offer "${name}": it stays with "${first}"; rename it in one of them, or leave one out.`,
      );
    } else if (there === undefined && (shelf.size >= MOST_OFFERED || (last.size >= MOST_NAMES && !last.has(name)))) {
      const limit = shelf.size >= MOST_OFFERED ? `${MOST_OFFERED} tools` : `${MOST_NAMES} names of tools since it began`;
      if (!full.has(server)) log.error({ server, tool: name }, `This executor has ${limit}, and offers no more: "${server}" has too many.`);
      full.add(server);
    } else {
      // Calls under way keep their places when the definition is said again.
      last.set(name, server);
      shelf.set(name, { ...offer, places: there?.places.limit === concurrency ? there.places : places(concurrency) });
      if (there?.definition.digest !== offer.definition.digest) register.changed(name);
    }
  };

  return {
    stock(server, offers) {
      const before = names().join('\n');
      const kept = new Set(offers.map(({ definition }) => definition.name));
      for (const [name, { definition }] of shelf) if (definition.server === server && !kept.has(name)) shelf.delete(name);
      for (const offer of offers) add(server, offer);
      // Who reads of a tool that is offered but not registered yet leaves it alone.
      if (names().join('\n') !== before) tell({ tools: names() });
    },
    find: (name) => shelf.get(name),
    names,
    lastAt: (name) => last.get(name),
    told: () => register.told(),
    close: () => register.close(),
  };
}

/** Registers what `offered` says, one write at a time, and again later what did not work. */
function registerIn(registry: Registry | undefined, offered: (name: string) => ToolDefinition | undefined, log: Logger) {
  const changed = new Set<string>();
  let writing = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let waitMs = FIRST_WAIT_MS;
  let closed = false;

  async function write(): Promise<void> {
    for (const name of changed) {
      if (closed || registry === undefined) return;
      changed.delete(name);
      const definition = offered(name);
      if (definition === undefined) continue;
      try {
        await registry.put(name, definition as unknown as Json);
      } catch (error) {
        changed.add(name);
        log.warn(
          { tool: name, error: String(error), againInMs: waitMs },
          'The registry of tools cannot be written; it will be tried again.',
        );
        timer = setTimeout(flush, waitMs).unref();
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
        return;
      }
      waitMs = FIRST_WAIT_MS;
    }
  }
  const flush = (): void => {
    clearTimeout(timer);
    writing = writing.then(write);
  };

  return {
    changed(name: string): void {
      changed.add(name);
      flush();
    },
    told: () => writing,
    close(): void {
      closed = true;
      clearTimeout(timer);
    },
  };
}
