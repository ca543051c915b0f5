/** `npm run demo`: the travel story on a real broker with real MCP tools, three times: well, with a payment that fails, with a kill. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { ask, follow } from '../api.ts';
import { type Local, startLocal } from '../local.ts';
import { storyTree } from '../story-tree.ts';
import { root } from '../tree.ts';
import { decide } from './person.ts';

const here = import.meta.dirname;
const inColour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
const print = (text = ''): boolean => process.stdout.write(`${text}\n`);
const dir = join(root, '.reel', 'demo');
const stay = process.argv.includes('--stay');

type World = { readonly stateFile: string; readonly process: ChildProcess; readonly url: string };
type State = {
  bookings: { [id: string]: { status: string } };
  transfers: { [id: string]: { status: string } };
  payments: { [id: string]: { status: string } };
  ledger: { [key: string]: { effects: number } };
};

/** The tools: a Streamable HTTP MCP server of its own, whose world is a file. */
async function startWorld(): Promise<World> {
  const stateFile = join(dir, 'world.json');
  const args = [
    join(here, 'world-server.ts'),
    '--port',
    '0',
    '--state',
    stateFile,
    '--hang-after-effect',
    'book_hotel',
    '--hang-when',
    'hang',
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { stateFile, process: child, url: (JSON.parse(line) as { url: string }).url };
}

const worldState = async ({ stateFile }: World): Promise<State> => JSON.parse(await readFile(stateFile, 'utf8')) as State;

const input = {
  place: 'Lisbon',
  checkIn: '2027-10-01',
  checkOut: '2027-10-07',
  maxPrice: 200,
  guests: 2,
  card: 'tok_ada',
};

/** Submits the story, shows every fact as it is said, decides what is held, and gives back how it ended. */
async function travel(
  title: string,
  words: string,
  changed: object,
  onFact: (type: string, id: string) => Promise<void> = async () => {},
): Promise<Run> {
  print(`\n${'═'.repeat(100)}\n${title}\n${words}\n`);
  const workflow = await readFile(join(here, 'travel.yaml'), 'utf8');
  const { id } = await ask<Submitted>('POST', '/v1/runs', { workflow, input: { ...input, ...changed }, requestedBy: 'ada' });
  const line = storyTree(inColour);
  for await (const told of follow(id)) {
    print(line(told));
    if (!('type' in told)) continue;
    if (told.type === 'step.verdict.held') await decide(id, 'grace');
    await onFact(told.type, told.id);
  }
  return await ask<Run>('GET', `/v1/runs/${id}`);
}

/** What the run left in the world, by its own file. */
async function conclude(run: Run, world: World, expected: string): Promise<void> {
  const { bookings, transfers, payments, ledger } = await worldState(world);
  const own = Object.entries(ledger).filter(([key]) => key.startsWith(run.id));
  print(`\n${run.id} ${run.status}${run.problem === undefined ? '' : `: ${run.problem.message}`}`);
  if (run.answer !== undefined) print(`answer ${JSON.stringify(run.answer)}`);
  if (run.undone.length > 0) print(`undone, in this order: ${run.undone.map(({ id }) => id).join(', ')}`);
  const count = (things: { [id: string]: { status: string } }): string => {
    const states = Object.values(things).map(({ status }) => status);
    return [...new Set(states)].map((state) => `${states.filter((one) => one === state).length} ${state}`).join(', ') || 'none';
  };
  print(`the world's file: hotels ${count(bookings)}; transfers ${count(transfers)}; payments ${count(payments)}`);
  for (const [key, { effects }] of own) print(`  effect ${key}: ${effects} time${effects === 1 ? '' : 's'}`);
  if (run.status !== expected) throw new Error(`the run should have ended ${expected}`);
  if (own.some(([, { effects }]) => effects !== 1)) throw new Error('something was done twice');
}

async function stories(local: Local, world: World): Promise<void> {
  let executor = await local.spawn(['tool-executor']);
  await toolsAreOffered();
  const good = await travel(
    'Travel',
    'A quiet beach hotel near Lisbon, first week of October, under 200 a night. The best one turns out to be gone; Grace picks from what is left.',
    {},
  );
  await conclude(good, world, 'completed');

  const failed = await travel(
    'Travel, and the card is declined',
    'Hotel and transfer are booked when the payment fails: both are taken back, the last one first.',
    { card: 'tok_declined' },
  );
  await conclude(failed, world, 'failed');

  const killed = await travel(
    'Travel, and the tool-executor is killed in the middle of the booking',
    'The hotel has been booked when the process gets SIGKILL, before it could say so. Another one takes over, under the same idempotency key.',
    { card: 'tok_hang' },
    async (type, id) => {
      if (type !== 'step.start.started' || !id.includes('.tool.book-hotel.')) return;
      await effectIsInTheWorld(world, id);
      executor.kill('SIGKILL');
      await once(executor, 'exit');
      print('           ✗ tool-executor: SIGKILL, after the effect and before the answer');
      executor = await local.spawn(['tool-executor']);
      print('           ✓ tool-executor: a new process');
    },
  );
  await conclude(killed, world, 'completed');
}

/** The booking is in the file before the tool answers: that is the moment at which a crash hurts most. */
async function effectIsInTheWorld(world: World, address: string): Promise<void> {
  const run = address.split('.')[2] as string;
  while (!Object.keys((await worldState(world)).ledger).includes(`${run}.tool.book-hotel`))
    await new Promise((resolve) => setTimeout(resolve, 20));
}

async function toolsAreOffered(): Promise<void> {
  const offered = async (): Promise<number> => (await ask<{ tools: unknown[] }>('GET', '/v1/tools')).tools.length;
  while ((await offered()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

await rm(dir, { recursive: true, force: true });
await mkdir(dir, { recursive: true });
const began = performance.now();
const world = await startWorld();
const toolsFile = join(dir, 'tools.json');
await writeFile(toolsFile, JSON.stringify({ servers: { world: { url: world.url } } }));
const local = await startLocal({
  dir,
  services: ['gateway', 'planner', 'policy', 'desk', 'validator', 'saga-tracker'],
  env: { REEL_PORT: '0', REEL_TOOLS: toolsFile, REEL_POLICIES: join(here, 'policies') },
});
process.env['REEL_API'] = local.api;
try {
  await stories(local, world);
  print(
    `\n${'═'.repeat(100)}\nThree runs in ${((performance.now() - began) / 1000).toFixed(1)} s: nothing lost, nothing done twice, nothing ungoverned.`,
  );
  print(`Everything that was said: npx reel show RUN. The world's file: ${world.stateFile.slice(root.length + 1)}`);
  if (stay) {
    print(`Staying at ${local.api} (REEL_API=${local.api} npx reel runs). Stop with Ctrl-C.`);
    await once(process, 'SIGINT');
  }
} finally {
  world.process.kill();
  await local.stop();
}
