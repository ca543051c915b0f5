/** `reel verify`: holds the log to the protocol, straight from the broker or from an archive, and names every fact that breaks it. */

import { inWords } from '@reel/bus/jetstream/lost-end.ts';
import { line, print, printJson } from '@reel/bus/process/terminal.ts';
import { rules } from '@reel/bus/verifier/protocol.ts';
import { nothingVerified, type Verified, verifyOne, verifyShard, verifyWindow } from '@reel/bus/verifier/verify.ts';
import type { Circumstances } from '@reel/bus/verifier/view.ts';
import { parseAddress } from '@reel/contracts/address.ts';
import type { Command } from 'commander';
import { withArchive } from '../archive/archive.ts';
import { Refused } from '../cli/api.ts';
import { castIn, folder, windowOf, withLog } from '../local/operator.ts';
import { verifyArchive, verifyArchived } from './archive.ts';

type VerifyOptions = { readonly dir: string; readonly since?: string; readonly until?: string; readonly archive?: string };

/** `accepted`: what is lost of the log, and somebody has accepted that it is. */
type VerifiedLog = Verified & { readonly accepted: string[] };

/** In a subject filter, "*" would be every run at once. */
const canBeARun = (id: string): boolean => parseAddress(`reel.0.${id}.run.run.1.request`) !== undefined;

/** Verifies one run, those that were requested within a time, or everything. @throws Refused for a run that is not there. */
export async function verify(run: string | undefined, { dir, archive, ...time }: VerifyOptions): Promise<VerifiedLog> {
  if (run !== undefined && !canBeARun(run))
    throw new Refused(`There is no such run: its id is "${run}", and has to be 1 to 64 of A-Z a-z 0-9 _ -`);
  const window = windowOf(time);
  const circumstances: Circumstances = { now: Date.now(), cast: await castIn(dir) };
  const verified: VerifiedLog = { ...nothingVerified(), accepted: [] };
  const nothing = (where: string): Refused => new Refused(`there is nothing of a run "${run}" in ${where}`);
  if (archive !== undefined) {
    await withArchive(archive, dir, async (shelf) => {
      if (run === undefined) await verifyArchive(shelf, window, circumstances, verified);
      else if (!(await verifyArchived(shelf, run, circumstances, verified)) && verified.findings.length === 0) throw nothing(shelf.place);
    });
    return verified;
  }
  await withLog(dir, async (log, shards, lost) => {
    const all = run === undefined && time.since === undefined && time.until === undefined;
    const missing = await lost(all ? 'deep' : 'cheap');
    verified.findings.push(...missing.lost.map((damage) => ({ rule: 'lost', address: damage.stream, message: inWords(damage) })));
    verified.accepted.push(...missing.accepted.map((damage) => `${inWords(damage)} (accepted ${damage.acceptedAt})`));
    let found = false;
    for (let shard = 0; shard < shards; shard += 1) {
      if (run !== undefined) found = (await verifyOne(log, shard, run, circumstances, verified)) || found;
      else if (!all) await verifyWindow(log, shard, window, circumstances, verified);
      else await verifyShard(log, shard, circumstances, verified);
    }
    if (run !== undefined && !found) throw nothing('the log: it was never requested, or has aged out (--archive PATH looks in an archive)');
  });
  return verified;
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** What was found, for the eye: a line for each finding, and one for all. */
function verdict({ runs, open, cut, facts, findings, accepted }: VerifiedLog, seconds: number): string {
  const lines = findings.map(({ rule, address, message }) => line`${rule}  ${address}  ${message}`);
  const more = [open > 0 ? `${open} of them open` : '', cut > 0 ? `${cut} cut off by age and not verified` : ''].filter(
    (text) => text !== '',
  );
  const speed = Math.round(facts / seconds);
  return [
    ...lines,
    ...accepted,
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
    .description('check the log against the rules: one run, a window of time, or everything')
    .option('--since <WHEN>', 'only runs requested since then: a date, or a time ago (90s, 15m, 12h, 7d)')
    .option('--until <WHEN>', 'only runs requested until then')
    .option('--archive <PATH>', 'check an archive instead of the log: a folder, or nats-object-store:BUCKET')
    .option('--rules', 'print the rules, and check nothing')
    .option('--dir <DIR>', 'the folder of the running Reel', folder())
    .option('--json', 'print JSON, for programs')
    .action(async (run: string | undefined, options: VerifyOptions & { json?: boolean; rules?: boolean }) => {
      if (options.rules) {
        if (options.json)
          printJson(
            rules.map(({ name, sentence }) => ({ name, sentence })),
            2,
          );
        else print(ruleBook());
        return;
      }
      const begin = performance.now();
      const verified = await verify(run, options);
      const seconds = (performance.now() - begin) / 1000;
      if (options.json) printJson({ ...verified, seconds }, 2);
      else print(verdict(verified, seconds));
      if (verified.findings.length > 0) process.exitCode = 1;
    });
}
