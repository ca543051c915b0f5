/** The stories of the demo, told to a Reel in containers. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { ask, follow } from '@reel/scripts/cli/api.ts';
import { decide } from '@reel/scripts/demo/person.ts';
import type { Stage } from '@reel/scripts/demo/stage.ts';
import type { Story } from '@reel/scripts/demo/stories/story.ts';
import { until } from '@reel/scripts/local/until.ts';
import type { Installation } from './installation.ts';

/** Tells a story to its end. @returns what came of it, in words. @throws AssertionError when that is not what was told. */
export async function tell(story: Story, installation: Installation): Promise<string[]> {
  const { submission, who, answers, meanwhile, end } = story;
  const { id } = await ask<Submitted>('POST', '/v1/runs', submission);
  let over = false;
  const stage = stageOf(installation, () => over);
  const listening = async (): Promise<void> => {
    for await (const told of follow(id)) if ('type' in told && told.type === 'step.verdict.held') await decide(id, who, answers);
    over = true;
  };
  await Promise.all([meanwhile?.(stage, () => {}), listening()]);
  const run = await ask<Run>('GET', `/v1/runs/${id}`);
  const { ticketing, world, hanging } = await installation.outside();
  // What a story looks at in the end, as it was told by those who are called: they are in containers, and not of this process.
  const lines = end(run, { ticketing: { ledger: new Map(ticketing) }, world: { state: () => world } } as unknown as Stage);
  if (meanwhile === undefined) return lines;
  assert.ok(hanging?.startsWith(`${id}.`), `what hung was ${hanging}`);
  // Twice, or it was answered before the container was killed, and nothing has been shown.
  assert.equal(world.ledger[hanging as string]?.calls, 2, `how often ${hanging} was asked for`);
  return [...lines, 'the booking that was cut off was asked for again under its key'];
}

/** As much of the stage as happens to Reel meanwhile: the tool-executor is a container, which is killed and started again. */
function stageOf(installation: Installation, isOver: () => boolean): Stage {
  const service = 'tool-executor';
  const executor = new EventEmitter();
  const kill = (signal: string): void => {
    installation.kill(service, signal).then(
      // By a signal that it could hear, it would have finished what it had begun.
      (code) => (code === 137 ? executor.emit('exit', code) : executor.emit('error', new Error(`${service} left with code ${code}`))),
      (error: Error) => executor.emit('error', error),
    );
  };
  const stage = {
    get hanging(): Promise<void> {
      return until(async () => {
        assert.ok(!isOver(), 'the run was over before a booking hung');
        return (await installation.outside()).hanging !== undefined;
      });
    },
    executor: Object.assign(executor, { kill }),
    startExecutor: () => installation.startAgain(service),
  };
  return stage as unknown as Stage;
}
