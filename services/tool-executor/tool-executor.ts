/** Calls tools: those of MCP servers, plain APIs and modules in process, all under the bus's performer protocol. */

import { isAbsolute } from 'node:path';
import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import { type ApprovedCall, definePerformer, Failure, type Logger, type Surroundings } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { checkAgainst, SchemaError } from '@reel/contracts/schema.ts';
import { isServerTrouble, resultOf, troubleOf, unavailable } from './answer.ts';
import { keepApi, readApi } from './api.ts';
import { type Api, type Config, readConfig, type Server } from './config.ts';
import { IN_PROCESS, ofServer } from './definition.ts';
import { keep } from './keep.ts';
import type { Connection } from './mcp.ts';
import { loadModules } from './modules.ts';
import { openRests, type Rests } from './rests.ts';
import { type Called, type Offer, openShelf, type Shelf } from './shelf.ts';

/** How long the start waits for servers; those that take longer are offered when they are there. */
const START_MS = 5_000;

export type Waits = { readonly startMs?: number; readonly connectMs?: number; readonly now?: () => number };

/** Opens everything that the configuration names. `startMs` and `connectMs` say how long servers may take to start, `now` by which clock they rest. */
export async function openTools(surroundings: Surroundings, waits: Waits = {}) {
  const { env, log } = surroundings;
  const file = env['REEL_TOOLS'];
  if (file === undefined) log.warn({}, 'There are no tools: REEL_TOOLS names no configuration file.');
  const config: Config = file === undefined ? { servers: {}, apis: {}, modules: [] } : await readConfig(file, env);
  const shelf = openShelf(surroundings);
  const rests = openRests(log, waits.now);
  // Until a tool is there, there is none: said at once, so that nobody takes what is registered for what is offered.
  surroundings.offer({ tools: [] });
  shelf.stock(IN_PROCESS, await loadModules(config.modules));
  const apis = Object.entries(config.apis);
  const fromFiles = await Promise.all(apis.filter(isFile).map(async ([name, api]) => [name, await readApi(name, api, log)] as const));
  // Until the start is over nothing is put out, so that of two servers with one name the first in the file has it, not the faster one.
  let early: Map<string, Offer[]> | undefined = new Map(fromFiles);
  const put = (name: string, offers: Offer[]): unknown => (early === undefined ? shelf.stock(name, offers) : early.set(name, offers));
  const servers = Object.entries(config.servers).map(([name, server]) => {
    const offers = (tools: readonly Tool[], connection: Connection): unknown => {
      rests.back(name);
      return put(name, offersOf(name, server, tools, connection, log));
    };
    return keep(name, server, { offers, gone: () => put(name, []) }, log, waits.connectMs);
  });
  const fromUrls = apis.filter((one) => !isFile(one)).map(([name, api]) => keepApi(name, api, (offers) => put(name, offers), log));
  const kept = [...servers, ...fromUrls];
  await within(waits.startMs ?? START_MS, Promise.all(kept.map(({ tried }) => tried)));
  const first = early;
  early = undefined;
  for (const name of Object.keys({ ...config.servers, ...config.apis })) shelf.stock(name, first.get(name) ?? []);
  await shelf.told();
  const close = async (): Promise<void> => {
    // What is registered stays: another replica, or the next start, offers it on.
    shelf.close();
    await Promise.all(kept.map((one) => one.close()));
  };
  return { deps: { shelf, rests }, close };
}

const isFile = ([, { document }]: [string, Api]): boolean => isAbsolute(document);

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms);
  await Promise.race([work, over.promise]);
  clearTimeout(timer);
}

function offersOf(name: string, server: Server, tools: readonly Tool[], connection: Connection, log: Logger): Offer[] {
  for (const unknown of Object.keys(server.tools).filter((tool) => !tools.some((listed) => listed.name === tool))) {
    log.warn(
      { server: name, tool: unknown },
      `The configuration says something about the tool "${unknown}", which the server "${name}" does not offer.`,
    );
  }
  return tools.flatMap((tool) => {
    try {
      return [{ definition: ofServer(name, tool, server.tools[tool.name]), call: callerOf(name, tool.name, connection) }];
    } catch (error) {
      log.error({ server: name, tool: tool.name }, `The server "${name}": ${(error as Error).message}; the tool is not offered.`);
      return [];
    }
  });
}

const callerOf = (server: string, tool: string, connection: Connection): Offer['call'] => {
  return async (args, called) => {
    try {
      return resultOf(tool, await connection.call(tool, args, called));
    } catch (error) {
      if (called.signal.aborted) throw called.signal.reason;
      if (isServerTrouble(error)) called.trouble();
      throw troubleOf(error, { tool, server, effect: called.effect });
    }
  };
};

type Context = Omit<Called, 'effect' | 'timeoutMs' | 'trouble'> & { readonly shelf: Shelf; readonly rests: Rests };

/** Makes one approved call. @throws Failure when it certainly was not done; any other error leaves that open. */
export async function performCall(call: ApprovedCall, context: Context): Promise<Json> {
  const { shelf, rests, signal, key, traceparent } = context;
  const offer = shelf.find(call.uses);
  if (offer === undefined) return await missing(call.uses, context);
  const { definition, places } = offer;
  const { server } = definition;
  if (call.definition !== undefined && call.definition !== definition.digest) {
    const message = `the tool "${call.uses}" is not the one that was approved: it is ${definition.digest}, approved was ${call.definition}; submit the run again`;
    throw new Failure({ code: 'tool-changed', message, retryable: false });
  }
  const wrong = server === IN_PROCESS ? undefined : wrongWith(definition, call.arguments);
  if (wrong !== undefined) throw new Failure({ code: 'invalid-arguments', message: `${call.uses}: ${wrong}`, retryable: false });
  const make = (trouble: () => void): Promise<Json> =>
    offer.call(call.arguments, { signal, key, traceparent, effect: call.effect, timeoutMs: call.timeoutMs, trouble });
  // Before there is a place: those who have one may be waiting for a server that does not answer.
  if (server !== IN_PROCESS) rests.refuse(server, call.uses);
  const leave = await places.take(signal);
  try {
    signal.throwIfAborted();
    return server === IN_PROCESS ? await make(() => {}) : await rests.visit(server, call.uses, signal, make);
  } finally {
    leave();
  }
}

/** The server of a tool that was there is in trouble; of one that never was, nothing is known. @throws always */
async function missing(tool: string, { shelf, rests, signal }: Context): Promise<never> {
  const there = shelf.names().join(', ') || 'none';
  const nobody = unavailable(
    `nobody offers the tool "${tool}" at the moment (offered: ${there}); check that its server runs and that REEL_TOOLS names it`,
  );
  const server = shelf.lastAt(tool);
  if (server === undefined) throw nobody;
  return await rests.visit(server, tool, signal, (trouble) => {
    trouble();
    throw nobody;
  });
}

function wrongWith({ input }: Offer['definition'], args: ApprovedCall['arguments']): string | undefined {
  try {
    return checkAgainst(input, args);
  } catch (error) {
    // Nothing was sent: whatever is wrong with the schema, nobody is in doubt about an effect.
    if (error instanceof SchemaError) return `whether the arguments are right cannot be told: its input schema is ${error.message}`;
    throw error;
  }
}

export default definePerformer<{ shelf: Shelf; rests: Rests }>({
  name: 'tool-executor',
  kind: 'tool',
  registry: true,
  concurrency: 64,
  deps: (surroundings) => openTools(surroundings),
  perform: performCall,
});
