/** The system under test: a local Reel in a process of its own, told by the benchmark what to do. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@reel/bus/connect.ts';
import { findings } from '@reel/bus/protocol.ts';
import { openReader } from '@reel/bus/reader.ts';
import { SERVICES } from '@reel/services/main.ts';
import { installationIn } from '../installation.ts';
import { startLocal } from '../local.ts';

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

/** Reads the log from its beginning and checks every run against the protocol. */
async function check(): Promise<{ runs: number; findings: string[]; factsPerRun: number }> {
  const connection = await connect({ servers: local.nats, credentials: installationIn(dir).credentials }, 'gateway');
  const reader = await openReader(connection, 1);
  const runs: string[] = [];
  for await (const { at } of reader.scan(0, 'reel.0.*.run.run.1.request', 1)) runs.push(at.run);
  const found: string[] = [];
  let facts = 0;
  for (const run of runs) {
    const { entries } = await reader.read(0, run);
    facts += entries.length;
    found.push(...findings(entries).map((finding) => `${run}: ${finding}`));
  }
  await connection.close();
  return { runs: runs.length, findings: found, factsPerRun: facts / Math.max(runs.length, 1) };
}

process.on('message', (message) => {
  if (message === 'check') void check().then((result) => process.send?.(result));
  else void local.stop().then(() => process.exit(0));
});
process.send?.({ api: local.api as string, natsPid } satisfies Ready);
