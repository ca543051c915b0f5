/** Both buses keep the promises: the simulator under malice, JetStream on a real nats-server with real permissions. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Edge } from '@reel/bus/edge.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { ensureCredentials } from '@reel/bus/jetstream/credentials.ts';
import { serve } from '@reel/bus/jetstream/serve.ts';
import { serverConfig } from '@reel/bus/provisioning/permissions.ts';
import { provision } from '@reel/bus/provisioning/provision.ts';
import { roleOf } from '@reel/bus/runtime/role.ts';
import { defineEdge } from '@reel/bus/service.ts';
import { CALM, MALICE, simulate } from '@reel/bus/simulator/simulator.ts';
import { story } from '@reel/contracts/story.ts';
import { startServer } from '@reel/nats/server.ts';
import pino from 'pino';
import { promisedTimers } from './promised-timers.ts';
import { promises, type StartBus } from './promises.ts';

describe('the simulator', () => {
  for (const { name, prove } of [...promises, ...promisedTimers]) {
    it(name, async () => {
      // Crashes and duplicates make effects be tried more often, which some of the promises count: chance is left to order and staleness.
      const { late, slow, behind } = MALICE;
      for (let seed = 1; seed <= 20; seed += 1) {
        const start: StartBus = async (players) => {
          const simulation = simulate({
            players: players.map((service) => ({ service })),
            seed,
            faults: { ...CALM, late, slow, behind },
          });
          return {
            edge: simulation.edge,
            scribble: async (address, text) => simulation.scribble(address, text),
            until: async (fits) => {
              await simulation.run();
              const entries = simulation.history('R').entries();
              if (!fits(entries)) throw new Error(`it came to rest without what was waited for:\n${simulation.trace.join('\n')}`);
              return entries;
            },
          };
        };
        await prove(start);
      }
    });
  }
});

describe('JetStream', () => {
  for (const { name, prove } of [...promises, ...promisedTimers]) {
    it(name, { timeout: 30_000 }, async () => {
      const closers: (() => Promise<unknown>)[] = [];
      const start: StartBus = async (players) => {
        const dir = await mkdtemp(join(tmpdir(), 'reel-promise-'));
        closers.push(() => rm(dir, { recursive: true, force: true }));
        let edge: Edge | undefined;
        const gateway = defineEdge({
          name: 'gateway',
          publishes: story,
          open: async (opened) => {
            edge = opened;
            return { url: '', close: async () => {} };
          },
        });
        const services = [...players, gateway];
        // The kind `tool` has to be somebody's for the edge to be allowed to speak of it.
        const performer = { ...roleOf(gateway), name: 'nobody', shape: 'performer' as const, kind: 'tool', publishes: [], subscribes: [] };
        const roles = [
          ...services.map((service) => roleOf(service as never)),
          ...(players.some(({ shape }) => shape === 'performer') ? [] : [performer]),
        ];
        const credentials = join(dir, 'credentials');
        const publicKeys = await ensureCredentials(credentials, ['provisioner', ...roles.map((role) => role.name)]);
        await writeFile(join(dir, 'nats.conf'), serverConfig({ roles, shards: 1, publicKeys, syncInterval: '2m' }));
        const server = await startServer({ dataDir: join(dir, 'data'), configFile: join(dir, 'nats.conf') });
        closers.unshift(() => server.stop());
        const admin = await connect({ servers: server.url, credentials }, 'provisioner');
        closers.unshift(() => admin.close());
        await provision(admin, { roles, shards: 1, replicas: 1, maxAgeDays: 30 });
        const serving = await serve(services, { broker: { servers: server.url, credentials }, log: pino({ level: 'silent' }) });
        closers.unshift(() => serving.stop());
        const opened = edge as unknown as Edge;
        return {
          edge: opened,
          scribble: async (address, text) => {
            await admin.request(address, text, { timeout: 10_000 });
          },
          until: (fits) =>
            new Promise((resolve, reject) => {
              const look = (): void => {
                opened.history(0, 'R').then((history) => {
                  if (!fits(history.entries())) return;
                  stop();
                  resolve(history.entries());
                }, reject);
              };
              const stop = opened.follow(look);
              look();
            }),
        };
      };
      try {
        await prove(start);
      } finally {
        for (const close of closers) await close();
      }
    });
  }
});
