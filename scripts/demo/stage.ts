/** What the stories are played on: a Reel with a broker of its own, and the world that its tools reach, all on this machine. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { ToolList } from '@reel/gateway/shapes.ts';
import { ask } from '../cli/api.ts';
import { type Local, startLocal } from '../local/local.ts';
import { NO_MODEL } from '../local/no-model.ts';
import { until } from '../local/until.ts';
import { startTicketing, type Ticketing } from './ticketing.ts';
import { type RunningWorld, startWorld } from './world-server.ts';

export type Stage = {
  readonly local: Local;
  readonly world: RunningWorld;
  readonly ticketing: Ticketing;
  /** The process that calls the tools. */
  readonly executor: ChildProcess;
  /** Resolves when a booking with the card tok_hang has taken effect, and is not answered. */
  readonly hanging: Promise<unknown>;
  startExecutor(): Promise<void>;
  close(): Promise<void>;
};

const here = import.meta.dirname;
export const TOKEN = 'demo-ticketing';

/** Settings for scripts instead of a model, in any environment. */
export const scripted: NodeJS.ProcessEnv = {
  ...NO_MODEL,
  REEL_SCENARIOS: join(here, 'scenarios'),
};

export const policies = join(here, 'policies');

/** What tools.yaml takes from the environment. */
export const reaching = (world: { readonly url: string }, ticketing: { readonly url: string }): NodeJS.ProcessEnv => ({
  REEL_TOOLS: join(here, 'tools.yaml'),
  REEL_DEMO_WORLD: world.url,
  REEL_DEMO_TICKETING: ticketing.url,
  REEL_DEMO_TICKETING_TOKEN: TOKEN,
});

/** The desk of the demo, which is busy twice before it takes a ticket. */
export const openDesk = (): Promise<Ticketing> => startTicketing({ token: TOKEN, busy: 2 });

/** Resolves when tools of every kind are on offer. */
export async function toolsAreOffered(): Promise<void> {
  const wanted = ['book_hotel', 'search_articles', 'createTicket', 'finance_record'];
  await until(async () => {
    const { tools } = await ask<ToolList>('GET', '/v1/tools');
    return wanted.every((name) => tools.some((tool) => tool.name === name));
  });
}

/** @param dir where everything is kept. @param models settings that say who answers. */
export async function openStage(dir: string, models: NodeJS.ProcessEnv): Promise<Stage> {
  const hanging = Promise.withResolvers<string>();
  const world = await startWorld({
    stateFile: join(dir, 'world.json'),
    hangAfterEffect: 'book_hotel',
    hangWhen: 'tok_hang',
    onHang: hanging.resolve,
  });
  const ticketing = await openDesk();
  const local = await startLocal({
    dir,
    services: ['gateway', 'planner', 'policy', 'model-executor', 'human-executor', 'validator', 'saga-tracker'],
    env: { REEL_PORT: '0', REEL_POLICIES: policies, ...reaching(world, ticketing), ...models },
    logLevel: 'error',
  });
  process.env['REEL_API'] = local.api;
  let executor = await local.spawn(['tool-executor']);
  await toolsAreOffered();
  return {
    local,
    world,
    ticketing,
    get executor() {
      return executor;
    },
    hanging: hanging.promise,
    startExecutor: async () => {
      executor = await local.spawn(['tool-executor']);
    },
    close: async () => {
      await local.stop();
      await Promise.all([world.close(), ticketing.close()]);
    },
  };
}

export const effectsOf = (key: string, effects: number): string => `${effects} effect${effects === 1 ? '' : 's'} under ${key}`;
