/** Calls tools: those of MCP servers, plain APIs and modules in process, all under the bus's performer protocol. */

import { isAbsolute } from 'node:path';
import { tellWeakSecrets } from '@reel/bus/runtime/secrets.ts';
import { type ApprovedCall, definePerformer, Failure, type Logger, type ServiceContext, Unsent } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { checkAgainst, numbersAgain, SchemaError } from '@reel/contracts/schema.ts';
import { TOOL_GONE, type ToolDefinition } from '@reel/contracts/tool.ts';
import { explain, isServerTrouble, resultOf, SessionLost, troubleOf, unavailable } from './answer.ts';
import { keepApi, readApi } from './api.ts';
import { type Called, type Catalog, type Offer, openCatalog, type Stock } from './catalog.ts';
import { type CircuitBreaker, openCircuitBreaker } from './circuit-breaker.ts';
import { type Api, type Config, readConfig, type Server } from './config.ts';
import { differencesOf, IN_PROCESS, ofServer } from './definition.ts';
import type { Connection } from './mcp.ts';
import type { Listed } from './mcp-shapes.ts';
import { loadModules } from './modules.ts';
import { keepConnected, type Told } from './server-connection.ts';

/** How long the start waits for servers; those that take longer are offered when they are there. */
const START_MS = 5_000;
/** How long a server may take to say whether a tool is still what it was. */
const LOOK_MS = 5_000;

export type Waits = { readonly startMs?: number; readonly connectMs?: number; readonly now?: () => number };

/** Opens everything that the configuration names. `startMs` and `connectMs` say how long servers may take to start, `now` by which clock they rest. */
export async function openTools(surroundings: ServiceContext, waits: Waits = {}) {
  const { env, log } = surroundings;
  const file = env['REEL_TOOLS'];
  if (file === undefined) log.warn({}, 'There are no tools: REEL_TOOLS names no configuration file.');
  const config: Config = file === undefined ? { servers: {}, apis: {}, modules: [] } : await readConfig(file, env);
  tellWeakSecrets(log);
  const shelf = openCatalog(surroundings);
  const rests = openCircuitBreaker(log, waits.now);
  // Until a tool is there, there is none: said at once, so that nobody takes what is registered for what is offered.
  surroundings.offer({ tools: [] });
  shelf.stock(IN_PROCESS, { offers: await loadModules(config.modules), refused: [] });
  const apis = Object.entries(config.apis);
  // Until the start is over nothing is put out, so that of two servers with one name the first in the file has it, not the faster one.
  let early: Map<string, Stock> | undefined = new Map();
  const put = (name: string, stock: Stock): unknown => (early === undefined ? shelf.stock(name, stock) : early.set(name, stock));
  await Promise.all(apis.filter(isFile).map(([name, api]) => readApi(name, api, (stock) => put(name, stock), log)));
  const servers = Object.entries(config.servers).map(([name, server]) => {
    const offers: Told['offers'] = (list, connection, listed) => {
      rests.back(name);
      return put(name, stockOf(name, server, list, { connection, listed, log }));
    };
    return keepConnected(name, server, { offers, gone: () => put(name, NOTHING) }, log, waits.connectMs);
  });
  const fromUrls = apis.filter((one) => !isFile(one)).map(([name, api]) => keepApi(name, api, (stock) => put(name, stock), log));
  const kept = [...servers, ...fromUrls];
  await within(waits.startMs ?? START_MS, Promise.all(kept.map(({ tried }) => tried)));
  const first = early;
  early = undefined;
  for (const name of Object.keys({ ...config.servers, ...config.apis })) shelf.stock(name, first.get(name) ?? NOTHING);
  await shelf.told();
  const close = async (): Promise<void> => {
    // What is registered stays: another replica, or the next start, offers it on.
    shelf.close();
    await Promise.all(kept.map((one) => one.close()));
  };
  return { deps: { shelf, rests }, close };
}

const NOTHING: Stock = { offers: [], refused: [] };

const isFile = ([, { document }]: [string, Api]): boolean => isAbsolute(document);

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms);
  await Promise.race([work, over.promise]);
  clearTimeout(timer);
}

type Link = { readonly connection: Connection; readonly listed: () => Promise<void>; readonly log: Logger };

function stockOf(name: string, server: Server, { tools, refused }: Listed, { connection, listed: look, log }: Link): Stock {
  for (const unknown of Object.keys(server.tools).filter((tool) => !tools.some((listed) => listed.name === tool))) {
    log.warn(
      { server: name, tool: unknown },
      `The configuration says something about the tool "${unknown}", which the server "${name}" does not offer.`,
    );
  }
  const offers: Offer[] = [];
  const more = [...refused];
  for (const tool of tools) {
    try {
      const definition = ofServer(name, tool, server);
      offers.push({ definition, look, call: callerOf(name, tool.name, connection, definition.output) });
    } catch (error) {
      more.push({ tool: tool.name, why: (error as Error).message });
    }
  }
  return { offers, refused: more, look };
}

const callerOf = (server: string, tool: string, connection: Connection, output: ToolDefinition['output']): Offer['call'] => {
  return async (args, called) => {
    try {
      return resultOf(tool, await connection.call(tool, args, called), output);
    } catch (error) {
      if (called.signal.aborted) throw called.signal.reason;
      if (isServerTrouble(error)) called.trouble();
      throw troubleOf(error, { tool, server, effect: called.effect });
    }
  };
};

type Context = Omit<Called, 'effect' | 'timeoutMs' | 'trouble'> & { readonly shelf: Catalog; readonly rests: CircuitBreaker };

/** Makes one approved call. @throws Failure when it certainly was not done; any other error leaves that open. */
export async function performCall(call: ApprovedCall, context: Context): Promise<Json> {
  const { shelf, rests, signal, key, traceparent } = context;
  if (shelf.find(call.uses) === undefined)
    await within(
      LOOK_MS,
      shelf.lookFor(call.uses).catch(() => {}),
    );
  const offer = shelf.find(call.uses);
  if (offer === undefined) return await missing(call.uses, context);
  const { definition, places } = offer;
  const { server } = definition;
  const make = async (trouble: () => void): Promise<Json> => {
    const now = await lookAgain(call, offer, context, trouble);
    refuseChanged(call, now.definition);
    const wrong = server === IN_PROCESS ? undefined : wrongWith(now.definition, call.arguments);
    if (wrong !== undefined) throw new Failure({ code: 'invalid-arguments', message: `${call.uses}: ${wrong}`, retryable: false });
    const args = server === IN_PROCESS ? call.arguments : numbersAgain(now.definition.input, call.arguments);
    return await now.call(args, { signal, key, traceparent, effect: call.effect, timeoutMs: call.timeoutMs, trouble });
  };
  // The server that begins anew may have other tools by now: it is looked at again as well. Once: it may begin anew without end.
  const makeAgain = (trouble: () => void): Promise<Json> =>
    make(trouble).catch((error: unknown) => (error instanceof SessionLost ? make(trouble) : Promise.reject(error)));
  // Before there is a place: those who have one may be waiting for a server that does not answer.
  if (server !== IN_PROCESS) rests.refuse(server, call.uses);
  const leave = await places.take(signal);
  try {
    signal.throwIfAborted();
    return server === IN_PROCESS ? await make(() => {}) : await rests.visit(server, call.uses, signal, makeAgain);
  } finally {
    leave();
  }
}

/**
 * The tool as it is at this moment: a server may have changed it since it was listed, and need not have said so. Nothing has been sent to
 * it yet, so that whatever is wrong, nobody is in doubt about an effect.
 */
async function lookAgain(call: ApprovedCall, offer: Offer, { shelf, signal }: Context, trouble: () => void): Promise<Offer> {
  if (offer.look === undefined) return offer;
  let why = 'its server did not say what it has in time';
  // Before the time of the call is up: after that, nobody would be sure that nothing was sent.
  const looking = offer.look().then(
    () => '',
    (error: unknown) => explain(error),
  );
  await within(
    Math.min(LOOK_MS, call.timeoutMs / 2),
    looking.then((answer) => {
      why = answer;
    }),
  );
  if (why !== '') {
    trouble();
    throw unavailable(`${call.uses}: whether it is still what was approved cannot be told: ${why}`);
  }
  signal.throwIfAborted();
  const now = shelf.find(call.uses);
  if (now === undefined) throw gone(`the tool "${call.uses}" is not offered any more`);
  return now;
}

/** @throws Unsent: about an earlier attempt, when it was another tool, this says nothing. */
function refuseChanged({ uses, definition, tool }: ApprovedCall, now: ToolDefinition): void {
  if (definition === now.digest) return;
  const message = `the tool "${uses}" is not the one that was approved${tool === undefined ? '' : `: ${differencesOf(tool, now)}`}; it is ${now.digest}, approved was ${definition ?? 'none'}; submit the run again`;
  throw new Unsent({ code: 'tool-changed', message, retryable: false });
}

/** The server of a tool that was there is in trouble; of one that never was, nothing is known. @throws always */
async function missing(tool: string, { shelf, rests, signal }: Context): Promise<never> {
  const there = shelf.names().join(', ') || 'none';
  const nobody = gone(
    `nobody offers the tool "${tool}" at the moment (offered: ${there}); check that its server runs and that REEL_TOOLS names it`,
  );
  return await rests.visit(shelf.lastAt(tool) ?? tool, tool, signal, (trouble) => {
    trouble();
    throw nobody;
  });
}

/** How soon to ask again for a tool that is gone; later, when that has been in vain a few times. */
const GONE_MS = 1_000;

/** The tool was there when the run was requested: it may come back, and asking for it is none of the step's tries. */
const gone = (message: string): Unsent => new Unsent({ code: TOOL_GONE, message, retryable: true, retryAfterMs: GONE_MS });

function wrongWith({ input }: Offer['definition'], args: ApprovedCall['arguments']): string | undefined {
  try {
    return checkAgainst(input, args);
  } catch (error) {
    // Nothing was sent: whatever is wrong with the schema, nobody is in doubt about an effect.
    if (error instanceof SchemaError) return `whether the arguments are right cannot be told: its input schema is ${error.message}`;
    throw error;
  }
}

export default definePerformer<{ shelf: Catalog; rests: CircuitBreaker }>({
  name: 'tool-executor',
  kind: 'tool',
  registry: true,
  concurrency: 64,
  deps: (surroundings) => openTools(surroundings),
  perform: performCall,
});
