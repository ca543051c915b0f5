/**
 * `node scripts/verify/load.ts [FACTS]`: how fast a log is verified, and in how much memory. Real runs are recorded here once, and told
 * again under other names until there are so many facts; then the log is read from a process of its own.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openPublisher } from '@reel/bus/jetstream/publisher.ts';
import { openFullLog } from '@reel/bus/operator/full-log.ts';
import { write } from '@reel/bus/process/terminal.ts';
import { SERVICES } from '@reel/services/main.ts';
import { client, inARow } from '../bench/load.ts';
import { bytesBelow, memoryOf } from '../bench/size.ts';
import { root } from '../check/tree.ts';
import { installationIn } from '../local/installation.ts';
import { startLocal } from '../local/local.ts';

const IN_FLIGHT = 2000;

const facts = Number(process.argv[2] ?? 1_000_000);
const dir = await mkdtemp(join(tmpdir(), 'reel-verify-'));
const toolsFile = join(dir, 'tools.json');
await writeFile(toolsFile, JSON.stringify({ modules: [join(import.meta.dirname, '../bench/noop.ts')] }));
const env = { REEL_PORT: '0', REEL_TOOLS: toolsFile };
const local = await startLocal({ dir: join(dir, 'reel'), services: [], env, logLevel: 'error' });
try {
  const services = await local.serve(SERVICES);
  const { submit, close } = client(local.api as string, 1);
  const { id } = await submit(inARow(5));
  close();
  await services.stop();
  const begin = performance.now();
  const told = await tellAgain(id, facts);
  const seconds = (performance.now() - begin) / 1000;
  write(`${told} facts were told in ${seconds.toFixed(0)} s, on ${availableParallelism()} cores\n`);
  const { nowMb } = await memoryOf(Number(await readFile(installationIn(local.dir).pidFile, 'utf8')));
  const bytes = await bytesBelow(join(local.dir, 'jetstream'));
  write(
    `the broker: ${nowMb.toFixed(0)} MB, ${((nowMb * 2 ** 20) / told).toFixed(0)} bytes a fact; on disk ${(bytes / told).toFixed(0)} bytes a fact\n`,
  );
  for (const command of process.argv.slice(3).length > 0 ? process.argv.slice(3) : ['verify']) await timed(command.split(' '));
} finally {
  await local.stop();
  await rm(dir, { recursive: true, force: true });
}

/** Tells a run again and again, each time under another name, until there are so many facts. @returns how many were told. */
async function tellAgain(run: string, wanted: number): Promise<number> {
  const broker = { servers: local.nats, credentials: installationIn(local.dir).credentials };
  const reading = await connect(broker, 'operator');
  const raws = await (await openFullLog(reading)).run(0, run);
  await reading.close();
  const connection = await connect(broker, 'provisioner');
  const publish = openPublisher(connection, '_INBOX_provisioner');
  let count = 0;
  for (let runs = 0; count < wanted; ) {
    const batch: Promise<unknown>[] = [];
    for (; batch.length < IN_FLIGHT; runs += 1) {
      const name = `${run.slice(0, 16)}${String(runs).padStart(10, '0')}`;
      for (const { subject, body } of raws) batch.push(publish(subject.replaceAll(run, name), body.replaceAll(run, name)));
    }
    await Promise.all(batch);
    count += batch.length;
  }
  await connection.close();
  return count;
}

/** Runs a command of `reel` and shows what it says, how long it took, and the most memory that it had. */
async function timed(command: readonly string[]): Promise<void> {
  const begin = performance.now();
  const child = spawn(
    process.execPath,
    ['--import', join(import.meta.dirname, 'memory.ts'), join(root, 'scripts/reel.ts'), ...command, '--dir', local.dir],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  write(`reel ${command.join(' ')}: exit ${code} after ${((performance.now() - begin) / 1000).toFixed(1)} s\n`);
}
