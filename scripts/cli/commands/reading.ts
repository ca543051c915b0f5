/** What has been: the newest runs, one run, and what its models said. */
import { columns, inColour, print, warn, write } from '@reel/bus/process/terminal.ts';
import { eventOf } from '@reel/gateway/events.ts';
import { runState } from '@reel/gateway/run-state.ts';
import type { Run, RunEvents, RunPage } from '@reel/gateway/shapes.ts';
import type { Command } from 'commander';
import { archivedRun } from '../../archive/archive.ts';
import { folder } from '../../local/operator.ts';
import { ask } from '../api.ts';
import { EXIT } from '../exit-codes.ts';
import { recordScript } from '../record.ts';
import { storyTree } from '../story-tree.ts';
import { summary, when } from '../summary.ts';
import { table } from '../table.ts';
import { command, type Json, json } from './command.ts';

export function addReading(reel: Command): void {
  command(reel, 'runs', 'list the newest runs')
    .option('--status <STATUS>', 'only runs with this status')
    .option('--workflow <NAME>', 'only runs of this workflow')
    .option('--limit <N>', 'the most to list', '20')
    .option('--cursor <CURSOR>', 'the next page: `next` of --json')
    .action(async ({ json: asJson, ...query }: Json & { limit: string; status?: string; workflow?: string; cursor?: string }) => {
      const page = await ask<RunPage>('GET', `/v1/runs?${new URLSearchParams(query).toString()}`);
      if (asJson) return json(page);
      const rows = page.runs.map((run) => [
        run.id,
        run.status,
        run.workflow,
        run.requestedBy,
        when(run.requestedAt),
        run.costMicrousd === undefined ? '' : `$${(run.costMicrousd / 1e6).toFixed(4)}`,
        run.held > 0 ? `${run.held} held` : '',
      ]);
      return print(
        rows.length === 0
          ? 'no runs yet: npx reel run FILE'
          : table(['RUN', 'STATUS', 'WORKFLOW', 'BY', 'REQUESTED', 'COST', ''], rows, columns()),
      );
    });

  command(reel, 'show <RUN>', 'show a run: its facts by cause, its end, or what it waits for')
    .option('--archive <PATH>', 'read it from an archive: a folder, or nats-object-store:BUCKET')
    .action(async (id: string, { archive, ...options }: Json & { archive?: string }) => {
      const kept = archive === undefined ? undefined : await archivedRun(archive, folder(), id, incomplete);
      const run = kept === undefined ? await ask<Run>('GET', `/v1/runs/${encodeURIComponent(id)}`) : (runState(kept) as Run);
      if (options.json) return json(run);
      const { events } =
        kept === undefined
          ? await ask<RunEvents>('GET', `/v1/runs/${encodeURIComponent(id)}/events`)
          : { events: kept.entries().map(eventOf) };
      const lineOf = storyTree(inColour(), columns());
      for (const told of events) print(lineOf(told));
      return print(`\n${summary(run, columns())}`);
    });

  reel
    .command('record <RUN>')
    .description('print the answers of the models as a script for the offline model (services/model-executor/offline/README.md)')
    .action(async (id: string) => {
      const { events } = await ask<RunEvents>('GET', `/v1/runs/${encodeURIComponent(id)}/events`);
      write(recordScript(events));
    });
}

/** Some of what is shown may be missing: that is said beside it. */
function incomplete({ message }: Error): void {
  warn(message);
  process.exitCode = EXIT.no;
}
