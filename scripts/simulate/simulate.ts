// `npm run simulate -- --seeds N [--from S] [--story NAME]… [--jobs J]`: plays so many seeds on all cores; the least that fails is printed as a
// script. `npm run simulate -- --replay FILE` plays such a script again, and prints what happens.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';
import { Broken, play } from './play.ts';
import { type Reproduction, shrink } from './shrink.ts';
import { storyOf, turnsOf } from './stories.ts';
import type { Portion, Report } from './worker.ts';

const PORTION = 20;
const TOLD_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    story: { type: 'string', multiple: true, default: [] },
    jobs: { type: 'string', default: String(availableParallelism()) },
    replay: { type: 'string' },
  },
});

/** @throws when it is none. */
function number(name: 'seeds' | 'from' | 'jobs'): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is "${values[name]}": expected a whole number from 1 on`);
  return value;
}

type Failed = Report['failed'][number];

/** Plays them on several processes, each of which is given the next few as soon as it has played the last. */
async function playAll(names: readonly string[]): Promise<readonly Failed[]> {
  const [seeds, first, jobs] = [number('seeds'), number('from'), number('jobs')];
  const end = first + seeds;
  const started = performance.now();
  const failed: Failed[] = [];
  let next = first;
  let played = 0;
  const speed = (): string => `${((1000 * played) / (performance.now() - started)).toFixed(1)} seeds/s`;
  const telling = setInterval(() => console.log(`${played} of ${seeds} seeds, ${failed.length} failed, ${speed()}`), TOLD_EVERY_MS);

  async function work(): Promise<void> {
    const child = fork(join(import.meta.dirname, 'worker.ts'));
    const gone = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`a process that played seeds was ended by ${signal ?? `code ${code}`}, after ${played} of ${seeds} seeds`);
    });
    while (next < end) {
      const portion: Portion = { from: next, to: Math.min(next + PORTION, end), names };
      next = portion.to;
      child.send(portion);
      const [report] = (await Promise.race([once(child, 'message'), gone])) as [Report];
      played += report.played;
      for (const one of report.failed) console.log(`seed ${one.seed} of ${one.story}: ${one.message.split('\n')[0]}`);
      failed.push(...report.failed);
    }
    gone.catch(() => {});
    child.disconnect();
  }
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, Math.ceil(seeds / PORTION)) }, work));
  } finally {
    clearInterval(telling);
  }
  console.log(`${played} seeds from ${first} on, ${failed.length} failed, ${speed()}, ${jobs} processes`);
  return failed;
}

/** Of each story that failed, the least that does, as a file. */
async function tellWhy(failed: readonly Failed[]): Promise<void> {
  const firsts = new Map(failed.toReversed().map((one) => [one.story, one]));
  for (const { story: name, seed } of firsts.values()) {
    const found = await shrink(storyOf(name), seed);
    if (found === undefined) {
      console.log(`seed ${seed} of ${name} does not fail again: something in it is not told by chance alone`);
      continue;
    }
    const file = join(tmpdir(), `reel-${name}-${seed}.yaml`);
    const text = stringify(found, { lineWidth: 0 });
    writeFileSync(file, text);
    console.log(`\nseed ${seed} of ${name}, with as little as still fails:\n\n${text}\n  npm run simulate -- --replay ${file}\n`);
  }
}

async function replay(file: string): Promise<void> {
  const { story: name, data, faults } = parse(readFileSync(file, 'utf8')) as Reproduction;
  try {
    const { simulation } = await play(storyOf(name), data as never, { seed: 0, script: faults });
    console.log(`${simulation.trace.join('\n')}\n\nIt does not fail.`);
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    console.log(`${error.simulation.trace.join('\n')}\n\n${error.message}`);
    process.exitCode = 1;
  }
}

try {
  if (values.replay !== undefined) await replay(values.replay);
  else {
    turnsOf(values.story);
    const failed = await playAll(values.story);
    await tellWhy(failed);
    if (failed.length > 0) process.exitCode = 1;
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
