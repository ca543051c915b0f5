/** Facts of a run as they are stored: for `run --follow` and `tail`. */
import { columns, inColour, jsonText, print, printJson, write } from '@reel/bus/process/terminal.ts';
import type { Run } from '@reel/gateway/shapes.ts';
import type { Command } from 'commander';
import { ask, type Told, watch } from '../api.ts';
import { commandLine } from '../command-line.ts';
import { EXIT } from '../exit-codes.ts';
import { live } from '../live.ts';
import { summary } from '../summary.ts';
import { command, type Json } from './command.ts';

export type Following = Json & { tokens?: boolean };

export function addTail(reel: Command): void {
  command(reel, 'tail <RUN>', 'follow the facts of a run as they are stored')
    .option('--tokens', 'also show the text of models while they write it')
    .action((run: string, options: Following) => tail(run, options));
}

/** Follows a run to its end; that it did not succeed is told to the shell as well. */
export async function tail(
  run: string,
  { json: asJson = false, tokens = false }: Following,
  seen: (told: Told) => Promise<boolean> = async () => true,
): Promise<void> {
  const page = live(write, inColour(), columns());
  for await (const one of watch(run, { tokens })) {
    if (asJson) printJson(one);
    else if ('text' in one) page.shown(one);
    else {
      page.told(one);
      if ('type' in one && /^(step|undo)\.verdict\.held$/.test(one.type)) print(howToDecide(one));
    }
    if (!('text' in one) && !(await seen(one))) return;
  }
  page.close();
  const end = await ask<Run>('GET', `/v1/runs/${run}`);
  if (!asJson) print(`\n${summary(end, columns())}`);
  if (end.status !== 'completed') process.exitCode = EXIT.no;
}

/** The command that decides a held step, with the fields of its form. `approvals --json` has the whole form. */
function howToDecide({ id, data }: { id: string; data: unknown }): string {
  const { form } = data as { form?: { properties?: object } };
  // JSON has an escape for everything; with one for the quotes of a shell there is nothing left in it that means something there.
  const fields = Object.keys(form?.properties ?? {}).map((field) => `${jsonText(field).replaceAll("'", '\\u0027')}:…`);
  const filled = form === undefined ? {} : { form: `{${fields.join(',')}}` };
  return `           ${commandLine({ command: 'npx reel approve', operands: [approvalOf(id)], options: { who: 'YOU', ...filled } })}`;
}

/** The id that `approve` takes, of the address of a held verdict. */
export const approvalOf = (address: string): string => address.split('.').slice(1, -1).join('.');
