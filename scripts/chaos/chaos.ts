/** `npm run chaos`: runs of every kind under continuous faults, and a table of what became of them. A seed that fails keeps its folder. */

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { warn, write } from '@reel/bus/process/terminal.ts';
import { type ChaosOptions, play } from './play.ts';
import { table } from './table.ts';

const HELP = `npm run chaos -- [options]
  --runs N        so many runs, 200 by default
  --seconds N     for so long at most, 600 by default
  --seed N        which faults, runs and troubles; by default another one each time
  --in-flight N   so many runs at a time, 12 by default
  --every MS      about how often something fails, 700 by default
  --apart         each service in processes of its own: 16 of them, not 8
  --disk          the broker's store on a small disk in memory, which fills up as well (root)
  --dir DIR       where everything is kept; by default a folder that is removed when nothing is wrong
`;

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    runs: text,
    seconds: text,
    seed: text,
    'in-flight': text,
    every: text,
    dir: text,
    apart: { type: 'boolean' },
    disk: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const number = (name: 'runs' | 'seconds' | 'seed' | 'in-flight' | 'every', otherwise: number): number => {
  const value = Number(values[name] ?? otherwise);
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} is "${values[name]}" and has to be a whole number`);
  return value;
};

// Who leaves by exit takes along what was started, be it frozen.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

if (values.help) write(HELP);
else {
  const seed = number('seed', Date.now() % 1_000_000);
  const dir = values.dir ?? join(tmpdir(), `reel-chaos-${seed}`);
  await mkdir(dir, { recursive: true });
  const options: ChaosOptions = {
    seed,
    dir,
    runs: number('runs', 200),
    seconds: number('seconds', 600),
    inFlight: number('in-flight', 12),
    everyMs: number('every', 700),
    apart: values.apart ?? false,
    disk: values.disk ?? false,
    told: (line) => warn(`${line}`),
  };
  const report = await play(options);
  write(table(report));
  if (report.findings.length > 0) {
    process.exitCode = 1;
    await writeFile(join(dir, 'findings.txt'), `${report.findings.join('\n')}\n`);
    write(
      `\nSeed ${seed} failed. Everything is kept in ${dir}: the log (npx reel verify --dir ${join(dir, 'reel')} once its broker runs), what services said, effects.jsonl.\n`,
    );
  } else if (values.dir === undefined) await rm(dir, { recursive: true, force: true });
}
