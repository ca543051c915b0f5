/** `reel verify`: holds the log to the protocol, straight from the broker or from an archive, and names every fact that breaks it. */

import { nothingVerified, type Verified, verifyOne, verifyShard, verifyWindow } from '@reel/bus/protocol/verify.ts';
import type { Circumstances } from '@reel/bus/protocol/view.ts';
import { rules } from '@reel/bus/protocol.ts';
import type { Command } from 'commander';
import { Refused } from './api.ts';
import { castIn, folder, withLog } from './operator.ts';

type VerifyOptions = { readonly dir: string; readonly since?: string; readonly until?: string };

/** A moment: a date, or so long ago (`90s`, `15m`, `12h`, `7d`). @throws Refused */
export function moment(text: string, option: string, nowMs = Date.now()): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return nowMs - Number(count) * { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 's'];
  const ms = Date.parse(text);
  if (Number.isNaN(ms))
    throw new Refused(`${option} is "${text}", and has to be a date (2026-11-21T10:00:00Z) or so long ago (90s, 15m, 12h, 7d)`);
  return ms;
}

/** Verifies one run, those that were requested within a time, or everything. @throws Refused for a run that is not there. */
async function verify(run: string | undefined, { dir, since, until }: VerifyOptions): Promise<Verified> {
  const circumstances: Circumstances = { now: Date.now(), cast: await castIn(dir) };
  const verified = nothingVerified();
  const sinceMs = since === undefined ? 0 : moment(since, '--since');
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : moment(until, '--until');
  await withLog(dir, async (log, shards) => {
    let found = false;
    for (let shard = 0; shard < shards; shard += 1) {
      if (run !== undefined) found = (await verifyOne(log, shard, run, circumstances, verified)) || found;
      else if (since !== undefined || until !== undefined) await verifyWindow(log, shard, { sinceMs, untilMs }, circumstances, verified);
      else await verifyShard(log, shard, circumstances, verified);
    }
    if (run !== undefined && !found)
      throw new Refused(
        `there is nothing of a run "${run}" in the log: it was never requested, or has aged out; --archive PATH looks there`,
      );
  });
  return verified;
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** What was found, for the eye: a line for each finding, and one for all. */
function verdict({ runs, open, cut, facts, findings }: Verified, seconds: number): string {
  const lines = findings.map(({ rule, address, message }) => `${rule}  ${address}  ${message}`);
  const more = [open > 0 ? `${open} of them open` : '', cut > 0 ? `${cut} cut off by age and not verified` : ''].filter(
    (text) => text !== '',
  );
  const speed = Math.round(facts / seconds);
  return [
    ...lines,
    `${plural(runs, 'run')}${more.length > 0 ? ` (${more.join(', ')})` : ''}, ${plural(facts, 'fact')}, ${plural(findings.length, 'finding')}, ${speed} facts/s`,
  ].join('\n');
}

/** The rules, one a line. */
const ruleBook = (): string => {
  const width = Math.max(...rules.map(({ name }) => name.length));
  return rules.map(({ name, sentence }) => `${name.padEnd(width)}  ${sentence}`).join('\n');
};

/** Adds the command. */
export function addVerify(reel: Command): void {
  reel
    .command('verify [RUN]')
    .description('hold the log to the protocol: one run, those of some time, or everything')
    .option('--since <WHEN>', 'only runs that were requested since: a date, or so long ago (90s, 15m, 12h, 7d)')
    .option('--until <WHEN>', 'only runs that were requested until then')
    .option('--rules', 'print what is checked, and check nothing')
    .option('--dir <DIR>', 'the folder of the running Reel', folder())
    .option('--json', 'for programs: JSON')
    .action(async (run: string | undefined, options: VerifyOptions & { json?: boolean; rules?: boolean }) => {
      if (options.rules) {
        process.stdout.write(
          options.json
            ? `${JSON.stringify(
                rules.map(({ name, sentence }) => ({ name, sentence })),
                null,
                2,
              )}\n`
            : `${ruleBook()}\n`,
        );
        return;
      }
      const begin = performance.now();
      const verified = await verify(run, options);
      const seconds = (performance.now() - begin) / 1000;
      process.stdout.write(`${options.json ? JSON.stringify({ ...verified, seconds }, null, 2) : verdict(verified, seconds)}\n`);
      if (verified.findings.length > 0) process.exitCode = 1;
    });
}
