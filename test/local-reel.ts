/** A whole Reel for a test file: a nats-server of its own, every service, the demo's world behind real MCP, and a way to talk to it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@reel/bus/connect.ts';
import type { Entry } from '@reel/bus/history.ts';
import { castOf } from '@reel/bus/protocol/cast.ts';
import { findings } from '@reel/bus/protocol.ts';
import { openReader } from '@reel/bus/reader.ts';
import type { ProblemDetails, Run } from '@reel/gateway/shapes.ts';
import { ownServices } from '@reel/scripts/cast.ts';
import { type RunningWorld, startWorld } from '@reel/scripts/demo/world-server.ts';
import { installationIn } from '@reel/scripts/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local.ts';
import { NO_MODEL } from '@reel/scripts/no-model.ts';
import { SERVICES } from '@reel/services/main.ts';

export type LocalReel = {
  readonly local: Local;
  readonly world: RunningWorld;
  readonly api: string;
  readonly dir: string;
  /** Sends a request; gives back the status and the parsed body. */
  ask<T = Run>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: T & Partial<Omit<ProblemDetails, 'status'>>; headers: Headers }>;
  /** Submits a run and waits for its end, however long that takes. */
  pursue(submission: object): Promise<{ status: number; body: Run & Partial<Omit<ProblemDetails, 'status'>> }>;
  /** The same for a workflow. @throws when it is not accepted. */
  finish(workflow: unknown, input?: unknown): Promise<Run>;
  /** A run's facts, all that are stored by now, and what the protocol says of them. */
  log(run: string): Promise<{ entries: readonly Entry[]; findings: string[] }>;
  close(): Promise<void>;
};

export type ReelOptions = {
  /** Paths of modules with tools, besides the world's. */
  readonly modules?: string[];
  /** MCP servers with tools besides the world, as the tools file has them. */
  readonly servers?: object;
  /** Plain APIs with tools, as the tools file has them. */
  readonly apis?: object;
  readonly policies?: string;
  readonly services?: readonly string[];
  /** What the services find in their environment, besides; it may name the world. */
  readonly env?: NodeJS.ProcessEnv | ((world: RunningWorld) => NodeJS.ProcessEnv);
};

export async function startReel(options: ReelOptions = {}): Promise<LocalReel> {
  const dir = await mkdtemp(join(tmpdir(), 'reel-test-'));
  const world = await startWorld({ stateFile: join(dir, 'world.json') });
  const toolsFile = join(dir, 'tools.json');
  await writeFile(
    toolsFile,
    JSON.stringify({
      servers: { world: { url: world.url }, ...options.servers },
      modules: options.modules ?? [],
      apis: options.apis ?? {},
    }),
  );
  const starting = startLocal({
    dir: join(dir, 'reel'),
    services: options.services ?? SERVICES,
    env: {
      ...NO_MODEL,
      REEL_PORT: '0',
      REEL_TOOLS: toolsFile,
      ...(options.policies === undefined ? {} : { REEL_POLICIES: options.policies }),
      ...(typeof options.env === 'function' ? options.env(world) : options.env),
    },
    logLevel: 'silent',
  });
  const local = await starting.catch(async (error) => {
    await world.close();
    throw error;
  });
  const api = local.api as string;
  const connection = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, 'gateway');
  const reader = await openReader(connection, 1);
  const cast = castOf(await ownServices());
  const ask: LocalReel['ask'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${api}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as never, headers: response.headers };
  };
  const pursue: LocalReel['pursue'] = async (submission) => {
    const done = await ask('POST', '/v1/runs', submission, { prefer: 'wait=30' });
    if (done.status !== 202) return done;
    // Its events end with it.
    await (await fetch(`${api}/v1/runs/${done.body.id}/events`, { headers: { accept: 'text/event-stream' } })).text();
    return await ask('GET', `/v1/runs/${done.body.id}`);
  };
  return {
    local,
    world,
    api,
    dir,
    ask,
    pursue,
    finish: async (workflow, input = {}) => {
      const { body, status } = await pursue({ workflow, input });
      if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`);
      return body;
    },
    log: async (run) => {
      // What was acknowledged to another connection may be on its way to this one still.
      let last = 0;
      for await (const { seq } of reader.scan(0, `reel.0.${run}.>`, 1)) last = seq;
      const { entries } = await reader.read(0, run, last);
      return { entries, findings: findings(entries, { cast }) };
    },
    close: async () => {
      await connection.close();
      await local.stop();
      await world.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
