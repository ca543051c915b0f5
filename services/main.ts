/** `node services/main.ts planner [policy …]`: one or many services in one process; a path serves a service of your own. */
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { openHealth } from '@reel/bus/health.ts';
import type { Serving } from '@reel/bus/jetstream/serve.ts';
import { LogUnavailable } from '@reel/bus/log.ts';
import { resolveSdkAnywhere } from '@reel/bus/process/module-resolution.ts';
import { warn } from '@reel/bus/process/terminal.ts';
import type { AnyService } from '@reel/bus/service.ts';

/** The services of this repository, in the order of a run. */
export const SERVICES = [
  'gateway',
  'planner',
  'policy',
  'tool-executor',
  'model-executor',
  'human-executor',
  'validator',
  'saga-tracker',
] as const;

/** Loads a service by name, or by the path of a module whose default export it is. @throws when there is none there. */
export async function load(nameOrPath: string): Promise<AnyService> {
  const known = (SERVICES as readonly string[]).includes(nameOrPath);
  const url = known ? new URL(`./${nameOrPath}/${nameOrPath}.ts`, import.meta.url) : pathToFileURL(resolve(nameOrPath));
  resolveSdkAnywhere();
  const module = (await import(url.href).catch((error: NodeJS.ErrnoException) => {
    if (known) throw error;
    if (existsSync(url)) throw new Error(`${nameOrPath} cannot be loaded: ${error.message}`, { cause: error });
    throw new Error(`there is no service "${nameOrPath}": name one of ${SERVICES.join(', ')}, or the path of a module (${error.message})`);
  })) as { default?: AnyService };
  if (!['service', 'performer', 'edge'].includes(module.default?.shape ?? '')) {
    throw new Error(`${nameOrPath} has no service as its default export: export default defineService({ … }) or definePerformer({ … })`);
  }
  const service = { ...(module.default as AnyService), module: url.href };
  const { publishes, on } = service as { publishes?: unknown; on?: unknown };
  if (service.shape !== 'performer' && !Array.isArray(publishes))
    throw new Error(
      `${nameOrPath}: publishes is ${JSON.stringify(publishes) ?? 'missing'}, and has to be the list of facts that it publishes ([] for none)`,
    );
  if (service.shape === 'service' && (typeof on !== 'object' || on === null))
    throw new Error(
      `${nameOrPath}: on is ${JSON.stringify(on) ?? 'missing'}, and has to be an object of handlers by the type of their fact`,
    );
  return service;
}

/** The delay between attempts to join a broker that is not available yet. */
const JOIN_AGAIN_MS = 1000;

async function main(names: readonly string[]): Promise<void> {
  if (names.length === 0)
    throw new Error(`which service? node services/main.ts NAME … with ${SERVICES.join(', ')}, or the path of a module`);
  const env = process.env;
  // A restart is faster: loading compiled code takes half the processor time. Modules imported above are not cached.
  enableCompileCache();
  let serving: Serving | undefined;
  const stop = (): void => {
    // A process that does not serve yet has nothing to finish.
    Promise.resolve(serving?.stop()).then(
      () => process.exit(0),
      (error: Error) => {
        warn(error.message);
        process.exit(1);
      },
    );
  };
  // Before anything else: a signal without a handler does not end the first process of a container.
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  const watched = env['REEL_HEALTH_PORT'];
  let why = 'it is starting';
  if (watched !== undefined) await openHealth(portOf(watched), () => serving?.health() ?? { live: true, ready: false, why });
  const { guard } = await import('@reel/bus/process/watchdog.ts');
  guard();
  const { serve } = await import('@reel/bus/jetstream/serve.ts');
  const services = await Promise.all(names.map(load));
  const broker = { servers: env['REEL_NATS'] ?? 'nats://127.0.0.1:4222', credentials: env['REEL_CREDENTIALS'] ?? '.reel/credentials' };
  while (serving === undefined) {
    serving = await serve(services, { broker, env }).catch(async (error: Error) => {
      // With a health port, the orchestrator decides how long to wait. Without one, the error is reported at once.
      if (watched === undefined || !(error instanceof LogUnavailable)) throw error;
      if (why !== error.message) warn(error.message);
      why = error.message;
      await setTimeout(JOIN_AGAIN_MS);
      return undefined;
    });
  }
}

function portOf(text: string): number {
  const port = Number(text);
  if (text === '' || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`REEL_HEALTH_PORT is "${text}" and has to be a port: 0 (any free one) to 65535`);
  return port;
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: Error) => {
    warn(error.message);
    process.exit(1);
  });
}
