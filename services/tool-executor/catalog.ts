/** The tools that are offered right now: where a call finds its tool, and what everybody else is told of them. */
import type { RefusedTool } from '@reel/bus/component.ts';
import { excerpt } from '@reel/bus/runtime/secrets.ts';
import type { CallContext, Logger, Registry, ServiceContext } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { Trouble } from './circuit-breaker.ts';
import { isToolName } from './definition.ts';
import { type Semaphore, semaphore } from './semaphore.ts';

/** A tool, and how it is called. */
export type Offer = {
  readonly definition: ToolDefinition;
  /** Asks whether this is what it is by now, and has the shelf stocked with what it is; absent where it cannot change. */
  readonly look?: () => Promise<void>;
  readonly call: (args: { readonly [name: string]: Json }, acting: Called) => Promise<Json>;
};

/** As much as a call has to know beside its arguments. */
export type Called = Pick<CallContext, 'signal' | 'key' | 'traceparent'> &
  Pick<ToolDefinition, 'effect' | 'timeoutMs'> & { readonly trouble: Trouble };

/** A tool that its server has and that cannot be offered. */
export type Refusal = Pick<RefusedTool, 'tool' | 'why'>;

/** What a server offers, and what it has that cannot be offered. */
export type Stock = {
  readonly offers: readonly Offer[];
  readonly refused: readonly Refusal[];
  /** Asks what it has by now, and has the shelf stocked with it. */
  readonly look?: () => Promise<void>;
};

export type Catalog = {
  /** These, and only these, are what this server offers from now on. A name that another server offers stays that one's. */
  stock(server: string, stock: Stock): void;
  find(name: string): (Offer & { readonly places: Semaphore }) | undefined;
  names(): string[];
  /** Which server offered a tool last, whether or not it still does. */
  lastAt(name: string): string | undefined;
  /** Asks the server that offered a tool last whether it has it again. */
  lookFor(name: string): Promise<void>;
  /** Resolves when the registry has been told of everything, or could not be. */
  told(): Promise<void>;
  close(): void;
};

/** So many tools are offered by one executor: their names are announced together, and every reader keeps what they are. */
const MOST_OFFERED = 2_000;
/** So many names are registered by one executor as long as it runs: a server that renames its tools again and again leaves them all behind. */
const MOST_NAMES = 4_000;

/** So many that cannot be offered are told of, of each server, and so many characters of why. */
const MOST_REFUSED = 100;
const MOST_WHY = 300;

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;

/**
 * A shelf that is on show: `offer` is told the names of the tools that are on it, whenever these change, and `registry` what they are. What
 * is gone stays registered: another replica may have it on its shelf, and only what somebody offers is there for anybody.
 */
export function openCatalog({ registry, offer: tell, log }: Pick<ServiceContext, 'registry' | 'offer' | 'log'>): Catalog {
  const shelf = new Map<string, Offer & { readonly places: Semaphore }>();
  const last = new Map<string, string>();
  const refused = new Map<string, readonly Refusal[]>();
  const looks = new Map<string, Stock['look']>();
  const register = registerIn(registry, (name) => shelf.get(name)?.definition, log);
  const names = (): string[] => [...shelf.keys()].sort();

  /** @returns why it cannot be offered, if it cannot. */
  const add = (server: string, offer: Offer): string | undefined => {
    const { name, concurrency } = offer.definition;
    const there = shelf.get(name);
    if (!isToolName(name)) {
      return 'a name is 1 to 128 of A-Z a-z 0-9 _ - . /';
    }
    if (there !== undefined && there.definition.server !== server) {
      const first = there.definition.server;
      return `the server "${first}" offers "${name}" already: give one of the two a prefix, or this tool another name ("as")`;
    }
    if (there === undefined && (shelf.size >= MOST_OFFERED || (last.size >= MOST_NAMES && !last.has(name)))) {
      const limit = shelf.size >= MOST_OFFERED ? `${MOST_OFFERED} tools` : `${MOST_NAMES} names of tools since it began`;
      return `this executor has ${limit}, and offers no more`;
    } else {
      // Calls under way keep their places when the definition is said again.
      last.set(name, server);
      shelf.set(name, { ...offer, places: there?.places.limit === concurrency ? there.places : semaphore(concurrency) });
      if (there?.definition.digest !== offer.definition.digest) register.changed(name);
    }
    return undefined;
  };

  /** Each is told once for as long as it stays so. */
  const refuse = (server: string, list: readonly Refusal[]): void => {
    const before = new Set((refused.get(server) ?? []).map(({ tool, why }) => `${tool} ${why}`));
    const short = list.slice(0, MOST_REFUSED).map(({ tool, why }) => ({ tool: excerpt(tool, 128), why: excerpt(why, MOST_WHY) }));
    for (const { tool, why } of short)
      if (!before.has(`${tool} ${why}`))
        log.error({ server, tool, why }, `The tool "${tool}" of the server "${server}" is not offered: ${why}.`);
    refused.set(server, short);
  };
  const refusals = (): RefusedTool[] => [...refused].flatMap(([server, list]) => list.map((one) => ({ server, ...one })));
  const show = (): string => JSON.stringify([names(), refusals()]);

  return {
    stock(server, { offers, refused: bad, look }) {
      const before = show();
      looks.set(server, look);
      const kept = new Set(offers.map(({ definition }) => definition.name));
      for (const [name, { definition }] of shelf) if (definition.server === server && !kept.has(name)) shelf.delete(name);
      const more = offers.flatMap((offer): Refusal[] => {
        const why = add(server, offer);
        return why === undefined ? [] : [{ tool: offer.definition.name, why }];
      });
      refuse(server, [...bad, ...more]);
      // Who reads of a tool that is offered but not registered yet leaves it alone.
      if (show() !== before) tell({ tools: names(), ...(refusals().length === 0 ? {} : { refused: refusals() }) });
    },
    find: (name) => shelf.get(name),
    names,
    lastAt: (name) => last.get(name),
    lookFor: async (name) => await looks.get(last.get(name) ?? '')?.(),
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
