/**
 * The demo's world and its ticketing API in a process of their own, for a Reel on other machines. `GET /` tells what took effect.
 * `node scripts/demo/outside.ts --state FILE [--host 0.0.0.0] [--delay-ms tool=ms]`
 */

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { printJson } from '@reel/bus/process/terminal.ts';
import { TOKEN } from './stage.ts';
import { startTicketing, type Ticketing } from './ticketing.ts';
import { startWorld } from './world-server.ts';
import type { World } from './world-state.ts';

/** Where each of them listens. */
export const PORTS = { world: 7080, ticketing: 7081, ledger: 7082 } as const;

/** What `GET /` answers. */
export type Outside = {
  readonly world: World;
  readonly ticketing: [key: string, asked: Ticketing['ledger'] extends ReadonlyMap<string, infer Asked> ? Asked : never][];
};

if (import.meta.main) {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { state: text, host: text, 'delay-ms': { ...text, multiple: true } } });
  const { host = '127.0.0.1' } = values;
  if (values.state === undefined) throw new Error('outside: --state FILE is missing: where the world is kept');
  const delays = (values['delay-ms'] ?? []).map((one) => one.split('=')).map(([tool, ms]) => [tool, Number(ms)]);
  const world = await startWorld({ stateFile: values.state, host, port: PORTS.world, delayMs: Object.fromEntries(delays) });
  const ticketing = await startTicketing({ token: TOKEN, busy: 2, host, port: PORTS.ticketing });
  createServer((_, response) => {
    const outside: Outside = { world: world.state(), ticketing: [...ticketing.ledger] };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(outside));
  }).listen(PORTS.ledger, host, () => printJson({ ...PORTS, host }));
  process.once('SIGTERM', () => process.exit(0));
}
