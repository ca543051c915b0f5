/** What starts a Reel here, prepares a broker elsewhere, or admits a service. */

import { print } from '@reel/bus/process/terminal.ts';
import { mayDo } from '@reel/bus/runtime/admissible.ts';
import type { Command } from 'commander';
import { admit } from '../../local/admit.ts';
import { type Provisioned, provisionBroker, writeCredentials } from '../../local/deployment.ts';
import { up } from '../../local/up.ts';
import { commandLine } from '../command-line.ts';

const MAY_SAY = 'slots of people that it may fill as well, separated by commas, such as vote.request';

export function addOperation(reel: Command): void {
  reel
    .command('up')
    .description('start nats-server and all services, and keep running')
    .option('--dir <DIR>', 'the folder for data and credentials', '.reel')
    .option('--port <PORT>', "the gateway's port (0: any free one)", process.env['REEL_PORT'] ?? '7070')
    .option('--nats-port <PORT>', "the broker's port", '4222')
    .option('--accept-loss', 'start although acknowledged facts are lost from a damaged log')
    .option('--fsync', 'write every fact to disk before it is acknowledged (slower; a power failure loses nothing)')
    .action(up);

  reel
    .command('admit <PATH>')
    .description('give a service of your own its durable and its credentials, while Reel runs')
    .option('--dir <DIR>', 'the folder of the running Reel', process.env['REEL_DIR'] ?? '.reel')
    .option('--may-say <SLOTS>', MAY_SAY)
    .action(async (path: string, { dir, maySay }: { dir: string; maySay?: string }) => {
      const role = await admit(path, dir, maySay?.split(','));
      print(
        `${role.name} is admitted. It ${mayDo(role)}. Start it with:\n  ${commandLine({ command: 'npx node services/main.ts', operands: [path] })}`,
      );
    });

  reel
    .command('credentials [PATH...]')
    .description('for a broker elsewhere: write keys for every service (and those at PATH) and its accounts, as a kustomization')
    .requiredOption('--dir <DIR>', 'where they are kept; what is there already stays as it is')
    .option('--may-say <SLOTS>', MAY_SAY)
    .action(async (paths: string[], { dir, maySay }: { dir: string; maySay?: string }) =>
      print(await writeCredentials(dir, paths, maySay?.split(','))),
    );

  reel
    .command('provision')
    .description('create or update the streams and durables of a broker that has these accounts')
    .requiredOption('--dir <DIR>', 'what `reel credentials` wrote')
    .option('--nats <URL>', 'the broker', process.env['REEL_NATS'] ?? 'nats://127.0.0.1:4222')
    .option('--replicas <N>', 'the number of nodes that keep each stream', '1')
    .option('--store-bytes <N>', 'the file store of a node (maxSize, such as 16Gi), which is shared out among the streams')
    .option('--accept-loss', 'continue although the broker lost acknowledged facts')
    .action(async ({ dir, nats, ...options }: { dir: string; nats: string } & Provisioned) =>
      print(await provisionBroker(dir, nats, options)),
    );
}
