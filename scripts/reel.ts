#!/usr/bin/env node
/** The operator's command line: `npx reel --help`. Everything goes through the gateway's HTTP API, except what starts a Reel. */
import { mayDo } from '@reel/bus/admissible.ts';
import { columns, confirmed, inColour, isAttended, jsonText, line, print, printJson, warn, write } from '@reel/bus/terminal.ts';
import { Envelope } from '@reel/contracts/envelope.ts';
import { story } from '@reel/contracts/story.ts';
import { StrictWorkflow, type Workflow } from '@reel/contracts/workflow/format.ts';
import { eventOf } from '@reel/gateway/events.ts';
import { runState } from '@reel/gateway/run-state.ts';
import type { ApprovalPage, Cancelled, ComponentList, Ruling, Run, RunEvents, RunPage, Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { admit } from './admit.ts';
import { ask, inWords, Refused, type Told, watch } from './api.ts';
import { addArchive, archivedRun } from './archive.ts';
import { castFaults, castOf, castTable, ownServices } from './cast.ts';
import { commandLine } from './command-line.ts';
import { addCompletion, version } from './completion.ts';
import { componentRows, HEADINGS } from './components.ts';
import { type Provisioned, provisionBroker, writeCredentials } from './deployment.ts';
import { EXIT } from './exit-codes.ts';
import { live } from './live.ts';
import { addNew } from './new.ts';
import { folder } from './operator.ts';
import { folded, table } from './page.ts';
import { planView } from './plan-view.ts';
import { addPolicyCheck } from './policy-check.ts';
import { recordScript } from './record.ts';
import { type Settling, settle } from './settle.ts';
import { storyTree } from './story-tree.ts';
import { parseJson, type SubmissionOptions, submissionOf } from './submission.ts';
import { summary, when } from './summary.ts';
import { up } from './up.ts';
import { addVerify } from './verify.ts';

const reel = new Command('reel').description('Governed, durable, observable runs of model calls, tool calls and human decisions.');
reel.configureOutput({ writeOut: write, writeErr: (text) => warn(text.trimEnd()) });
const json = (value: unknown): void => printJson(value, 2);
type Json = { json?: boolean };
type Following = Json & { tokens?: boolean };

const command = (usage: string, description: string): Command =>
  reel.command(usage).description(description).option('--json', 'for programs: JSON');

const MAY_SAY = 'what it is let say as people do through the gateway, with commas between: e.g. vote.request';

reel
  .command('up')
  .description('start nats-server and all services here, and stay')
  .option('--dir <DIR>', 'where data and credentials are kept', '.reel')
  .option('--port <PORT>', "the gateway's port (0: any free one)", process.env['REEL_PORT'] ?? '7070')
  .option('--nats-port <PORT>', "the broker's port", '4222')
  .option('--accept-loss', 'go on without acknowledged facts that are lost from a damaged log')
  .option('--fsync', 'every fact is on disk before it is acknowledged (slower; a power failure loses nothing)')
  .action(up);

reel
  .command('admit <PATH>')
  .description('give a service of your own its durable and its credentials, while everything runs')
  .option('--dir <DIR>', 'the folder of the running Reel', process.env['REEL_DIR'] ?? '.reel')
  .option('--may-say <SLOTS>', MAY_SAY)
  .action(async (path: string, { dir, maySay }: { dir: string; maySay?: string }) => {
    const role = await admit(path, dir, maySay?.split(','));
    print(
      `${role.name} is admitted. It ${mayDo(role)}. Start it with:\n  ${commandLine({ command: 'npx node services/main.ts', operands: [path] })}`,
    );
  });

reel
  .command('credentials [PATH...]')
  .description('for a broker elsewhere: keys for every service, for those at PATH too, and its accounts; all as a kustomization')
  .requiredOption('--dir <DIR>', 'where they are kept; what is there already stays as it is')
  .option('--may-say <SLOTS>', MAY_SAY)
  .action(async (paths: string[], { dir, maySay }: { dir: string; maySay?: string }) =>
    print(await writeCredentials(dir, paths, maySay?.split(','))),
  );

reel
  .command('provision')
  .description('make or update the streams and durables of a broker that has the accounts')
  .requiredOption('--dir <DIR>', 'what `reel credentials` wrote')
  .option('--nats <URL>', 'the broker', process.env['REEL_NATS'] ?? 'nats://127.0.0.1:4222')
  .option('--replicas <N>', 'on how many nodes each stream is kept', '1')
  .option('--store-bytes <N>', "a node's file store (maxSize, as 16Gi): each stream gets a limit of its own, a share of it")
  .option('--accept-loss', 'go on without acknowledged facts that the broker has lost')
  .action(async ({ dir, nats, ...options }: { dir: string; nats: string } & Provisioned) =>
    print(await provisionBroker(dir, nats, options)),
  );

command('run <FILE-OR-GOAL>', 'submit a workflow (YAML or JSON), or a goal in words')
  .option('--input <JSON>', "the run's input, or @FILE", '{}')
  .option('--follow', 'show every fact until it is over')
  .option('--tokens', 'follow it, and show what models write while they write it')
  .option('--plan', 'of a goal: show the plan, and carry it out only when you say so')
  .option('--rubric <TEXT>', 'of a goal: by what a model is to judge the answer')
  .option('--by <WHO>', 'who requests it', 'local')
  .option('--key <KEY>', 'Idempotency-Key: submitting again under it gives the same run')
  .action(async (what: string, options: Following & SubmissionOptions & { follow?: boolean; key?: string }) => {
    const body = await submissionOf(what, options);
    const headers = options.key === undefined ? {} : { 'idempotency-key': options.key };
    const run = await ask<Submitted>('POST', '/v1/runs', body, headers).catch((error: unknown) => {
      if (!(error instanceof Refused) || error.problem === undefined || !('workflow' in body)) throw error;
      throw new Refused(inWords(error.problem, what), error.exit, error.problem);
    });
    if (options.plan) return await tail(run.id, options, reviewing(options.by, options.json ?? false));
    if (!options.follow && !options.tokens)
      return options.json
        ? json(run)
        : print(`${line`${run.id}  ${run.status}`}\n  ${commandLine({ command: 'npx reel show', operands: [run.id] })}`);
    return await tail(run.id, options);
  });

/** Shows every plan that is held, and has whoever sits at the terminal decide; @returns false when nobody does. */
function reviewing(who: string, asJson: boolean): (told: Told) => Promise<boolean> {
  let plan: Workflow | undefined;
  return async (told) => {
    if (!('type' in told)) return true;
    if (told.type === 'plan.proposal.proposed') plan = (told.data as { plan: Workflow }).plan;
    if (told.type !== 'plan.verdict.held' || plan === undefined) return true;
    const id = approvalOf(told.id);
    if (!asJson) print(`\nThe plan:\n${planView(plan, columns())}\n`);
    if (asJson || !isAttended()) {
      const suggested = (word: string): string => commandLine({ command: `npx reel ${word}`, operands: [id], options: { who } });
      if (!asJson) print(`It waits for somebody to decide:\n  ${suggested('approve')}\n  ${suggested('refuse')}`);
      return false;
    }
    const yes = await confirmed('Carry it out?');
    await ask<Ruling>('POST', `/v1/approvals/${encodeURIComponent(id)}`, {
      decision: yes ? 'grant' : 'refuse',
      who,
      why: 'having seen the plan',
    });
    return true;
  };
}

command('runs', 'the newest runs')
  .option('--status <STATUS>', 'only those that are so')
  .option('--workflow <NAME>', 'only those of this workflow')
  .option('--limit <N>', 'how many', '20')
  .option('--cursor <CURSOR>', 'those after these: the `next` of --json')
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

command('show <RUN>', 'one run: its facts by cause, how it ended, or what it waits for')
  .option('--archive <PATH>', 'from an archive: a folder, or nats-object-store:BUCKET')
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

/** Some of what is shown may be missing: that is said beside it. */
function incomplete({ message }: Error): void {
  warn(message);
  process.exitCode = 1;
}

/** Whoever follows a run that waits for a person is told how to go on, with the fields of the form; `approvals --json` has all of it. */
function howToDecide({ id, data }: { id: string; data: unknown }): string {
  const { form } = data as { form?: { properties?: object } };
  // JSON has an escape for everything; with one for the quotes of a shell there is nothing left in it that means something there.
  const fields = Object.keys(form?.properties ?? {}).map((field) => `${jsonText(field).replaceAll("'", '\\u0027')}:…`);
  const filled = form === undefined ? {} : { form: `{${fields.join(',')}}` };
  return `           ${commandLine({ command: 'npx reel approve', operands: [approvalOf(id)], options: { who: 'YOU', ...filled } })}`;
}

/** The id that `approve` takes, of the address of a held verdict. */
const approvalOf = (address: string): string => address.split('.').slice(1, -1).join('.');

/** Follows a run to its end; that it did not succeed is told to the shell as well. */
async function tail(
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

command('tail <RUN>', 'every fact of a run as it is said')
  .option('--tokens', 'show also what models write while they write it')
  .action((run: string, options: Following) => tail(run, options));

reel
  .command('record <RUN>')
  .description('what models said in a run, as a script for the offline model (services/model-executor/offline/README.md)')
  .action(async (id: string) => {
    const { events } = await ask<RunEvents>('GET', `/v1/runs/${encodeURIComponent(id)}/events`);
    write(recordScript(events));
  });

command('approvals', 'what waits for a person (--json has the forms and the arguments)').action(async (options: Json) => {
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
  command(`${name} <ID>`, `${name} what is held (npx reel approvals lists the ids)`)
    .requiredOption('--who <WHO>', 'who decides')
    .option('--why <WHY>', 'the reason', 'no reason was given')
    .option('--form <JSON>', 'the filled form, where a choice is asked')
    .action(async (id: string, { who, why, form, ...options }: Json & { who: string; why: string; form?: string }) => {
      const body = { decision, who, why, ...(form === undefined ? {} : { form: parseJson(form, '--form') }) };
      const ruling = await ask<Ruling>('POST', `/v1/approvals/${encodeURIComponent(id)}`, body);
      return told(ruling, options);
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

command('settle <RUN> <STEP>', 'say how a step goes on that has failed, or of which nobody knows whether it, or its undo, took effect')
  .option('--done <RESULT>', 'it is done, with this result (JSON)')
  .option('--retry', 'it is not done: it is tried again, unless its run is ending')
  .option('--with <ARGUMENTS>', 'with other arguments (JSON)')
  .option('--give-up', 'the run ends, and what it did is undone; with --done, this too; an undo is left to be looked at')
  .requiredOption('--who <WHO>', 'who has looked')
  .option('--why <WHY>', 'what they found', 'no reason was given')
  .action(async (run: string, step: string, options: Json & Settling) => {
    const ruling = await settle(run, step, options);
    if (ruling.ruling === 'pending') process.exitCode = EXIT.unavailable;
    return options.json ? json(ruling) : print(line`${ruling.ruling} by ${ruling.who}`);
  });

command('cancel <RUN>', 'stop a run; what it did is undone')
  .option('--who <WHO>', 'who stops it', 'local')
  .option('--why <WHY>', 'the reason', 'no reason was given')
  .action(async (run: string, { who, why, ...options }: Json & { who: string; why: string }) => {
    const cancelled = await ask<Cancelled>('POST', `/v1/runs/${encodeURIComponent(run)}/cancel`, { who, why });
    return options.json ? json(cancelled) : print(line`${cancelled.status}: ${cancelled.detail}`);
  });

command('tools', 'the tools on offer').action(async (options: Json) => {
  const { tools, refused } = await ask<ToolList>('GET', '/v1/tools');
  if (options.json) return json(tools);
  const rows = tools.map((tool) => [
    tool.name,
    tool.server,
    tool.effect,
    `${tool.timeoutMs} ms`,
    tool.compensation?.uses ?? '',
    tool.description.split('\n')[0] ?? '',
  ]);
  print(
    rows.length === 0
      ? 'no tools are on offer: REEL_TOOLS names the file that says where they are'
      : table(['TOOL', 'SERVER', 'EFFECT', 'TIMEOUT', 'UNDONE BY', ''], rows, columns()),
  );
  if (refused.length > 0)
    print(
      table(
        ['NOT OFFERED', 'SERVER', 'WHY'],
        refused.map(({ tool, server, why }) => [tool, server, why]),
        columns(),
      ),
    );
});

command('components', 'the services that are there, and what they offer').action(async (options: Json) => {
  const list = await ask<ComponentList>('GET', '/v1/components');
  return options.json ? json(list) : print(table(HEADINGS, componentRows(list.components, when), columns()));
});

command('cast', 'who says what, and who hears it')
  .option('--check', 'fail on what is wrong with it')
  .action(async (options: Json & { check?: boolean }) => {
    const services = await ownServices();
    const faults = castFaults(services);
    if (options.json) json({ cast: castOf(services), faults });
    else print(castTable(castOf(services)));
    for (const fault of faults) warn(fault);
    if (options.check && faults.length > 0) process.exitCode = 1;
  });

command('contracts', 'the JSON Schemas of the envelope, of every fact and of the workflow format').action(() => {
  const schema = (shape: z.ZodType): unknown => z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' });
  json({
    envelope: schema(Envelope),
    workflow: schema(StrictWorkflow),
    facts: Object.fromEntries(story.map(({ type, shape }) => [type, schema(shape)])),
  });
});

addVerify(reel);
addPolicyCheck(reel);
addNew(reel);
addArchive(reel);

addCompletion(reel);
reel.version(version(), '-V, --version');
for (const one of [reel, ...reel.commands]) one.exitOverride();

reel.parseAsync().catch((error: Error) => {
  // Commander has said it already; asking for help or the version is no trouble.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  else {
    warn(error instanceof Refused ? error.message : `reel: ${error.message}`);
    process.exitCode = error instanceof Refused ? error.exit : EXIT.no;
  }
});
