// `npm run simulate -- --seeds N [--from S] [--story NAME]… [--jobs J]`: plays so many seeds on all cores; the least that fails is printed as a
// script. `npm run simulate -- --replay FILE` plays such a script again, and prints what happens.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { print, warn } from '@reel/bus/process/terminal.ts';
import type { Simulation } from '@reel/bus/simulator/simulator.ts';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { commandLine } from '../cli/command-line.ts';
import { Broken, play } from './play.ts';
import { shrink } from './shrink.ts';
import { storyOf, turnsOf } from './stories.ts';
import type { Portion, Report } from './worker.ts';

const PORTION = 20;
const TOLD_EVERY_MS = 10_000;

/** @throws when there is no such option. */
const optionsIn = (args: string[]) =>
  parseArgs({
    args,
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      story: { type: 'string', multiple: true, default: [] },
      jobs: { type: 'string', default: String(availableParallelism()) },
      replay: { type: 'string' },
    },
  }).values;
type Options = ReturnType<typeof optionsIn>;

/** @throws when it is none. */
function number(options: Options, name: 'seeds' | 'from' | 'jobs'): number {
  const value = Number(options[name]);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is "${options[name]}": expected a whole number from 1 on`);
  return value;
}

type Failed = Report['failed'][number];

/** Plays them on several processes, each of which is given the next few as soon as it has played the last. */
async function playAll(options: Options): Promise<readonly Failed[]> {
  const [seeds, first, jobs] = [number(options, 'seeds'), number(options, 'from'), number(options, 'jobs')];
  const names = options.story;
  const end = first + seeds;
  const started = performance.now();
  const failed: Failed[] = [];
  let next = first;
  let played = 0;
  const speed = (): string => `${((1000 * played) / (performance.now() - started)).toFixed(1)} seeds/s`;
  const telling = setInterval(() => print(`${played} of ${seeds} seeds, ${failed.length} failed, ${speed()}`), TOLD_EVERY_MS);

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
      for (const one of report.failed) print(`seed ${one.seed} of ${one.story}: ${one.message.split('\n')[0]}`);
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
  print(`${played} seeds from ${first} on, ${failed.length} failed, ${speed()}, ${jobs} processes`);
  return failed;
}

/** Of each story that failed, the least that does, as a file. */
async function tellWhy(failed: readonly Failed[]): Promise<void> {
  const firsts = new Map(failed.toReversed().map((one) => [one.story, one]));
  for (const { story: name, seed } of firsts.values()) {
    const found = await shrink(storyOf(name), seed);
    if (found === undefined) {
      print(`seed ${seed} of ${name} does not fail again: something in it is not told by chance alone`);
      continue;
    }
    const file = join(tmpdir(), `reel-${name}-${seed}.yaml`);
    const text = stringify(found, { lineWidth: 0 });
    writeFileSync(file, text);
    print(
      `\nseed ${seed} of ${name}, with as little as still fails:\n\n${text}\n  ${commandLine({ command: 'npm run simulate --', options: { replay: file } })}\n`,
    );
  }
}

/** What is played again of a reproduction. */
const Script = z.object({ story: z.string(), data: z.unknown(), faults: z.array(z.string()) });

/** @throws when it is no script: without its faults, others would be played. */
function readScript(file: string): z.infer<typeof Script> {
  const { data, error } = Script.safeParse(parse(readFileSync(file, 'utf8')));
  if (data === undefined) throw new Error(`${file} is no script that was printed here:\n${z.prettifyError(error)}`);
  return data;
}

async function replay(file: string): Promise<void> {
  const { story: name, data, faults } = readScript(file);
  const tell = ({ trace, script }: Simulation, end: string): void => {
    const never = faults.filter((line) => !script.includes(line.trim()));
    const idle =
      never.length === 0 ? '' : `\n\nThese faults never happened, because their moment never came or had another:\n  ${never.join('\n  ')}`;
    print(`${trace.join('\n')}\n\n${end}${idle}`);
  };
  try {
    const { simulation } = await play(storyOf(name), data as never, { seed: 0, script: faults });
    tell(simulation, 'It does not fail.');
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    tell(error.simulation, error.message);
    process.exitCode = 1;
  }
}

try {
  const options = optionsIn(process.argv.slice(2));
  if (options.replay !== undefined) await replay(options.replay);
  else {
    turnsOf(options.story);
    const failed = await playAll(options);
    await tellWhy(failed);
    if (failed.length > 0) process.exitCode = 1;
  }
} catch (error) {
  warn((error as Error).message);
  process.exitCode = 1;
}
