/** The system under test: a local Reel in a process of its own, told by the benchmark what to do. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openFullLog } from '@reel/bus/operator/full-log.ts';
import { OPERATOR } from '@reel/bus/runtime/role.ts';
import { findingText } from '@reel/bus/verifier/protocol.ts';
import { nothingVerified, verifyShard } from '@reel/bus/verifier/verify.ts';
import { SERVICES } from '@reel/services/main.ts';
import { installationIn } from '../local/installation.ts';
import { startLocal } from '../local/local.ts';
import { castIn } from '../local/operator.ts';
import { bytesBelow } from './size.ts';

export type Ready = { api: string; natsPid: number };

const [dir = '.', syncInterval = '2m'] = process.argv.slice(2);
const toolsFile = join(dir, 'tools.json');
await writeFile(toolsFile, JSON.stringify({ modules: [join(import.meta.dirname, 'noop.ts')] }));
const local = await startLocal({
  dir,
  services: SERVICES,
  syncInterval,
  env: { REEL_PORT: '0', REEL_TOOLS: toolsFile },
  logLevel: 'error',
});
const natsPid = Number(await readFile(installationIn(dir).pidFile, 'utf8'));

/** Holds every run in the log to the protocol. */
async function check(): Promise<{ runs: number; findings: string[]; facts: number; storedBytes: number }> {
  const connection = await connect({ servers: local.nats, credentials: installationIn(dir).credentials }, OPERATOR);
  const verified = nothingVerified();
  await verifyShard(await openFullLog(connection), 0, { now: Date.now(), cast: await castIn(dir) }, verified);
  await connection.close();
  const storedBytes = await bytesBelow(join(dir, 'jetstream'));
  return { runs: verified.runs, findings: verified.findings.map(findingText), facts: verified.facts, storedBytes };
}

process.on('message', (message) => {
  if (message === 'check') void check().then((result) => process.send?.(result));
  else void local.stop().then(() => process.exit(0));
});
process.send?.({ api: local.api as string, natsPid } satisfies Ready);
