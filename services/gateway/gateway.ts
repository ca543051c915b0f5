/** The edge to Reel: the HTTP API to request, follow, approve and cancel runs. It listens on loopback, unless its operator restricts access otherwise. */

import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Edge } from '@reel/bus/edge.ts';
import { defineEdge } from '@reel/bus/service.ts';
import { cancelRequested, keyClaimed, runRequested } from '@reel/contracts/run.ts';
import { checkAgainst } from '@reel/contracts/schema.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import { openAdmission, openFollowers } from './admission.ts';
import { appOf } from './app.ts';
import { openRuns, type Runs } from './runs.ts';
import { serverFor } from './server.ts';

/** How long open responses may take after a stop, well within the time that a process has to end. */
const LEAVE_MS = 5000;

export default defineEdge({
  name: 'gateway',
  publishes: [keyClaimed, runRequested, cancelRequested, voteCast],
  open: async (edge, { env, log }) => {
    const port = Number(env['REEL_PORT'] ?? 7070);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new Error(`REEL_PORT is "${env['REEL_PORT']}" and has to be a port: 0 (any free one) to 65535`);
    const host = env['REEL_HOST'] ?? '127.0.0.1';
    const names = (env['REEL_HOSTNAMES'] ?? '').toLowerCase().split(',').filter(Boolean);
    const closing = new AbortController();
    const runs = openRuns();
    const unfollow = edge.follow(runs.enter);
    await recall(edge, runs);
    const admission = openAdmission(runs, env['REEL_MAX_BACKLOG']);
    const [streams, waiting] = [openFollowers(env['REEL_MAX_FOLLOWERS']), openFollowers(env['REEL_MAX_FOLLOWERS'])];
    const app = appOf({ edge, runs, admission, streams, waiting, log, names, closing: closing.signal });
    // The first schema takes a quarter of a second to compile, and would delay the first request.
    checkAgainst({ properties: { first: { type: 'string', pattern: '^(a|b)*c' } } }, { first: 'abc' });
    const server = serverFor(app.fetch);
    await listen(server, host, port);
    return {
      url: `http://${host}:${(server.address() as AddressInfo).port}`,
      close: async () => {
        closing.abort('the gateway is closing');
        const closed = new Promise((resolve) => server.close(resolve));
        server.closeIdleConnections();
        const cut = setTimeout(() => server.closeAllConnections(), LEAVE_MS);
        await closed;
        clearTimeout(cut);
        unfollow();
      },
    };
  },
});

/** Loads earlier runs: the facts about each run as a whole, and the held requests of open runs. */
async function recall(edge: Edge, runs: Runs): Promise<void> {
  for (let shard = 0; shard < edge.shards; shard += 1) for await (const entry of edge.runs(shard, 1)) runs.enter(entry);
  for (const { id, shard } of runs.open()) for (const entry of (await edge.history(shard, id)).entries()) runs.enter(entry);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? `port ${port} is in use` : error.message;
      reject(new Error(`the gateway cannot listen at ${host}:${port}: ${why}. REEL_HOST and REEL_PORT (0: any free one) name another`));
    });
    server.listen(port, host, resolve);
  });
}
