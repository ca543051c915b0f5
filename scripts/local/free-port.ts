/**
 * A free port of this machine, for a process that keeps its address over restarts.
 * It lies below the ports that the system gives to outgoing connections (32,768 and up on Linux, 49,152 elsewhere):
 * one of those could be taken by any connection while its listener is away.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_768);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
