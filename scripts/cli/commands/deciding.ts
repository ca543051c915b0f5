/** What people decide: approvals, steps to settle, and whether a run goes on at all. */
import { columns, line, print } from '@reel/bus/process/terminal.ts';
import type { ApprovalPage, Cancelled, Ruling } from '@reel/gateway/shapes.ts';
import type { Command } from 'commander';
import { ask } from '../api.ts';
import { EXIT } from '../exit-codes.ts';
import { type Settling, settle } from '../settle.ts';
import { parseJson } from '../submission.ts';
import { when } from '../summary.ts';
import { folded } from '../table.ts';
import { command, type Json, json } from './command.ts';

export function addDeciding(reel: Command): void {
  command(reel, 'approvals', 'list what waits for a person (--json includes forms and arguments)').action(async (options: Json) => {
    const { approvals } = await ask<ApprovalPage>('GET', '/v1/approvals');
    if (options.json) return json(approvals);
    if (approvals.length === 0) return print('nothing waits for a person');
    const width = columns();
    for (const { id, workflow, step, heldAt, prompt, form } of approvals) {
      print(line`${id}  ${workflow}, ${step}, since ${when(heldAt)}${form === undefined ? '' : ', with a form'}`);
      for (const text of folded(prompt, width - 2)) print(`  ${text}`);
    }
  });

  for (const [name, decision] of [
    ['approve', 'grant'],
    ['refuse', 'refuse'],
  ] as const) {
    command(reel, `${name} <ID>`, `${name} a held item (npx reel approvals lists the ids)`)
      .requiredOption('--who <WHO>', 'who decides')
      .option('--why <WHY>', 'the reason', 'no reason given')
      .option('--form <JSON>', 'the filled form, for an item that has one')
      .action(async (id: string, { who, why, form, ...options }: Json & { who: string; why: string; form?: string }) => {
        const body = { decision, who, why, ...(form === undefined ? {} : { form: parseJson(form, '--form') }) };
        const ruling = await ask<Ruling>('POST', `/v1/approvals/${encodeURIComponent(id)}`, body);
        return told(ruling, options);
      });
  }

  command(reel, 'settle <RUN> <STEP>', 'say how a failed step goes on, or whether a step or undo in doubt took effect')
    .option('--done <RESULT>', 'it was done, with this result (JSON)')
    .option('--retry', 'it was not done: try it again, unless its run is closing')
    .option('--with <ARGUMENTS>', 'try it again with these arguments (JSON)')
    .option('--give-up', 'end the run and undo what it did; with --done, undo this step too; an undo is listed for a person')
    .requiredOption('--who <WHO>', 'who has looked')
    .option('--why <WHY>', 'what they found out', 'no reason given')
    .action(async (run: string, step: string, options: Json & Settling) => {
      const ruling = await settle(run, step, options);
      if (ruling.ruling === 'pending') process.exitCode = EXIT.unavailable;
      return options.json ? json(ruling) : print(line`${ruling.ruling} by ${ruling.who}`);
    });

  command(reel, 'cancel <RUN>', 'cancel a run and undo what it did')
    .option('--who <WHO>', 'who cancels it', 'local')
    .option('--why <WHY>', 'the reason', 'no reason given')
    .action(async (run: string, { who, why, ...options }: Json & { who: string; why: string }) => {
      const cancelled = await ask<Cancelled>('POST', `/v1/runs/${encodeURIComponent(run)}/cancel`, { who, why });
      return options.json ? json(cancelled) : print(line`${cancelled.status}: ${cancelled.detail}`);
    });
}

/** What came of a vote, in words; one that is not ruled on yet ends the command as what is to be asked again. */
function told(ruling: Ruling, { json: asJson }: Json): void {
  if (ruling.ruling === 'pending') process.exitCode = EXIT.unavailable;
  const [, , kind = '', step = ''] = ruling.id.split('.');
  const what = ['run', 'plan', 'answer'].includes(kind) ? `the ${kind}` : kind.startsWith('undo-') ? `the undo of "${step}"` : `"${step}"`;
  const after = {
    granted: 'it goes on',
    refused: 'it is not done',
    pending: 'policy has not looked at the vote yet: look again with npx reel show',
  };
  const words = line`${ruling.ruling} by ${ruling.who}: ${what} of run ${ruling.run}; ${after[ruling.ruling]}`;
  if (asJson) json(ruling);
  else print(words);
}
