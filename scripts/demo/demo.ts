/** `npm run demo`: the stories, on a real broker with real tools. `--real` asks the configured model instead of scripts; `--stay` stays. */

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { inColour, print, warn } from '@reel/bus/process/terminal.ts';
import { root } from '../check/tree.ts';
import { openStage, scripted } from './stage.ts';
import { killed } from './stories/killed.ts';
import { supplier } from './stories/supplier.ts';
import { support } from './stories/support.ts';
import { trip } from './stories/trip.ts';
import { tell } from './telling.ts';

const real = process.argv.includes('--real');
const { OPENAI_API_KEY, OPENAI_BASE_URL, REEL_MODELS } = process.env;
if (real && !OPENAI_API_KEY && !OPENAI_BASE_URL && !REEL_MODELS) {
  warn('--real: no model is configured. Set OPENAI_API_KEY and REEL_MODEL, or REEL_MODELS (the README says how).');
  process.exit(1);
}
const stories = [support, trip, supplier, killed];

const dir = join(root, '.reel', 'demo');
await rm(dir, { recursive: true, force: true });
await mkdir(dir, { recursive: true });
const began = performance.now();
const stage = await openStage(dir, real ? {} : scripted);
try {
  print(
    real
      ? 'The configured model answers. What it plans and says is its own: a story may end otherwise than told.'
      : 'The model in these stories is scripted: it answers from scripts/demo/scenarios, over the protocol that models speak.\n' +
          'For a real one: OPENAI_API_KEY=… REEL_MODEL=… npm run demo -- --real   (OPENAI_BASE_URL for a provider other than OpenAI)',
  );
  for (const [index, story] of stories.entries()) await tell(story, index + 1, stage, { inColour: inColour(), mayDiffer: real, print });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  print(`\n${'═'.repeat(100)}\n${stories.length} runs in ${seconds} s: nothing lost, nothing done twice, nothing ungoverned.`);
  print(`The world's file: ${join('.reel', 'demo', 'world.json')}`);
  if (process.argv.includes('--stay')) {
    print(`Staying at ${stage.local.api} (REEL_API=${stage.local.api} npx reel runs). Stop with Ctrl-C.`);
    await new Promise((resolve) => process.once('SIGINT', resolve));
  }
} finally {
  await stage.close();
}
