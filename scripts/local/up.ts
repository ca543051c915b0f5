/** `reel up`: a whole Reel in one process, beside a nats-server of its own, until it is told to stop. */
import { resolve } from 'node:path';
import { inLine, print, warn } from '@reel/bus/process/terminal.ts';
import { guard } from '@reel/bus/process/watchdog.ts';
import type { ComponentList, ToolList } from '@reel/gateway/shapes.ts';
import { strayAims } from '@reel/policy/aims.ts';
import { parsePolicies, readFolder } from '@reel/policy/policies.ts';
import { defaultPolicies } from '@reel/policy/policy.ts';
import { SERVICES } from '@reel/services/main.ts';
import { startLocal } from './local.ts';

type UpOptions = { dir: string; port: string; natsPort: string; fsync?: boolean; acceptLoss?: boolean };

/** Starts, says where everything is, and stays. */
export async function up({ dir, port, natsPort, fsync, acceptLoss = false }: UpOptions): Promise<void> {
  guard();
  const local = await startLocal({
    dir,
    services: SERVICES,
    natsPort: Number(natsPort) || -1,
    syncInterval: fsync ? 'always' : '2m',
    acceptLoss,
    env: { REEL_PORT: port },
    logLevel: process.env['REEL_LOG'] ?? 'warn',
  });
  const tools = process.env['REEL_TOOLS'];
  const { components } = (await (await fetch(`${local.api}/v1/components`)).json()) as ComponentList;
  const models = components
    .flatMap(({ offers }) => offers.models ?? [])
    .map(({ name, scripted }) =>
      scripted ? `${inLine(name)}: not a model, answers come from scripts; OPENAI_API_KEY and REEL_MODEL name one` : inLine(name),
    );
  const folder = process.env['REEL_POLICIES'] || defaultPolicies;
  const policies = parsePolicies(readFolder(folder));
  const offered = ((await (await fetch(`${local.api}/v1/tools`)).json()) as ToolList).tools;
  const shown =
    folder === defaultPolicies
      ? `${policies.size} of Reel's own: REEL_POLICIES names a folder of others`
      : `${policies.size} in ${resolve(folder)}`;
  for (const warning of strayAims(policies.values(), offered)) warn(`warning: ${warning}`);
  print(`Reel serves at ${local.api}  (OpenAPI: ${local.api}/openapi.json)
  broker  ${local.nats}, data and credentials in ${resolve(dir)}
  tools   ${tools === undefined ? 'none: REEL_TOOLS names the file that says where they are' : resolve(tools)}
  rules   ${shown}
  models  ${models.join(', ') || 'none'}
  disk    ${fsync ? 'every fact is on disk before it is acknowledged' : 'written every two minutes: --fsync for a machine that may lose power'}
Try in another terminal:  npx reel run FILE --follow     or  npx reel run "a goal in words" --plan     Stop with Ctrl-C.`);
  const stop = (): void => void local.stop().then(() => process.exit(0));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}
