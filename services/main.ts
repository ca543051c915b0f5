/** `node services/main.ts planner [policy …]`: one or many services in one process; a path serves a service of your own. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serve } from '@reel/bus/serve.ts';
import type { AnyService } from '@reel/bus/service.ts';

/** The services of this repository, in the order of a run. */
export const SERVICES = ['gateway', 'planner', 'policy', 'tool-executor', 'model-executor', 'desk', 'validator', 'saga-tracker'] as const;

/** Loads a service by name, or by the path of a module whose default export it is. @throws when there is none there. */
export async function load(nameOrPath: string): Promise<AnyService> {
  const known = (SERVICES as readonly string[]).includes(nameOrPath);
  const url = known ? new URL(`./${nameOrPath}/${nameOrPath}.ts`, import.meta.url) : pathToFileURL(resolve(nameOrPath));
  const module = (await import(url.href).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || known) throw error;
    throw new Error(`there is no service "${nameOrPath}": name one of ${SERVICES.join(', ')}, or the path of a module (${error.message})`);
  })) as { default?: AnyService };
  if (!['service', 'performer', 'door'].includes(module.default?.shape ?? '')) {
    throw new Error(`${nameOrPath} has no service as its default export: export default defineService({ … }) or definePerformer({ … })`);
  }
  return module.default as AnyService;
}

async function main(names: readonly string[]): Promise<void> {
  if (names.length === 0)
    throw new Error(`which service? node services/main.ts NAME … with ${SERVICES.join(', ')}, or the path of a module`);
  const services = await Promise.all(names.map(load));
  const env = process.env;
  const broker = { servers: env['REEL_NATS'] ?? 'nats://127.0.0.1:4222', credentials: env['REEL_CREDENTIALS'] ?? '.reel/credentials' };
  const serving = await serve(services, { broker, env });
  const stop = (): void => {
    serving.stop().then(
      () => process.exit(0),
      (error: Error) => {
        console.error(error.message);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: Error) => {
    console.error(error.message);
    process.exit(1);
  });
}
