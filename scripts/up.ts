/** `reel up`: a whole Reel in one process, beside a nats-server of its own, until it is told to stop. */
import { resolve } from 'node:path';
import { SERVICES } from '@reel/services/main.ts';
import { startLocal } from './local.ts';

/** Starts, says where everything is, and stays. */
export async function up({ dir, port, natsPort, fsync }: { dir: string; port: string; natsPort: string; fsync?: boolean }): Promise<void> {
  const local = await startLocal({
    dir,
    services: SERVICES,
    natsPort: Number(natsPort) || -1,
    syncInterval: fsync ? 'always' : '2m',
    env: { REEL_PORT: port },
    logLevel: process.env['REEL_LOG'] ?? 'warn',
  });
  const tools = process.env['REEL_TOOLS'];
  process.stdout.write(`Reel serves at ${local.api}  (OpenAPI: ${local.api}/openapi.json)
  broker  ${local.nats}, data and credentials in ${resolve(dir)}
  tools   ${tools === undefined ? 'none: REEL_TOOLS names the file that says where they are' : resolve(tools)}
  disk    ${fsync ? 'every fact is on disk before it is acknowledged' : 'written every two minutes: --fsync for a machine that may lose power'}
Try in another terminal:  npx reel run FILE --follow     Stop with Ctrl-C.
`);
  const stop = (): void => void local.stop().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}
