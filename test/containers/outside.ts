/**
 * The demo's world and its ticketing API for the smoke test, in a container of the image, into which this file is mounted. Tools take their
 * time: 400 ms for a taxi, 1,200 ms for a card. A booking with the last story's card takes effect, and is answered when it is asked for again.
 */
import { createServer } from 'node:http';
import { type Outside, PORTS } from '@reel/scripts/demo/outside.ts';
import { TOKEN } from '@reel/scripts/demo/stage.ts';
import { startTicketing } from '@reel/scripts/demo/ticketing.ts';
import { startWorld } from '@reel/scripts/demo/world-server.ts';

/** What `GET /` answers. `hanging`: the key of the booking that was not answered. */
export type Told = Outside & { readonly hanging?: string };

if (import.meta.main) {
  const host = '0.0.0.0';
  let hanging: string | undefined;
  const world = await startWorld({
    stateFile: '/data/world.json',
    host,
    port: PORTS.world,
    delayMs: { book_taxi: 400, charge_card: 1200 },
    hangAfterEffect: 'book_hotel',
    hangWhen: 'tok_hang',
    onHang: (key) => {
      hanging = key;
    },
  });
  const ticketing = await startTicketing({ token: TOKEN, busy: 2, host, port: PORTS.ticketing });
  createServer((_, response) => {
    const told: Told = { world: world.state(), ticketing: [...ticketing.ledger], ...(hanging === undefined ? {} : { hanging }) };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(told));
  }).listen(PORTS.ledger, host);
  process.once('SIGTERM', () => process.exit(0));
}
