/** Waits for something that another process does without an event. */
import { setTimeout } from 'node:timers/promises';

const LOOK_AGAIN_MS = 20;

/** Resolves when it is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await setTimeout(LOOK_AGAIN_MS);
}
