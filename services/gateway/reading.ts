/** Reads submitted workflows without blocking other requests: in slices, and long texts in a thread of their own. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { checkWorkflow } from '@reel/contracts/workflow/check.ts';
import { type Read, readWorkflowInTurns, readWorkflowWith } from '@reel/contracts/workflow/source.ts';

type Available = NonNullable<Parameters<typeof checkWorkflow>[1]>;
type Task = { readonly reading: string; readonly means: Available };

/** A longer text, in characters, would block the event loop for too long while it is parsed. */
const LONG = 16_384;
/** The limits of a thread; no text that a person wrote needs more. */
const LIMIT = { ms: 15_000, megabytes: 256 };

/** Threads that read at the same time; the others wait. */
const THREADS = 2;
let free = THREADS;
const waiting: (() => void)[] = [];

/** The workflow, or what is wrong with it. */
export async function readWithoutBlocking(source: string | object, means: Available): Promise<Read> {
  if (typeof source !== 'string' || source.length <= LONG) return await readWorkflowInTurns(source, means);
  if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
  else free -= 1;
  try {
    return await inThread({ reading: source, means });
  } finally {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  }
}

async function inThread(task: Task): Promise<Read> {
  const worker = new Worker(new URL(import.meta.url), { workerData: task, resourceLimits: { maxOldGenerationSizeMb: LIMIT.megabytes } });
  const { promise, resolve } = Promise.withResolvers<Read>();
  const refuse = (): void => resolve({ findings: [{ path: [], message: TOO_MUCH, line: 1, column: 1 }] });
  const timer = setTimeout(refuse, LIMIT.ms);
  worker.once('message', resolve);
  worker.once('error', refuse);
  worker.once('exit', refuse);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    void worker.terminate();
  }
}

const TOO_MUCH = `reading it takes more than ${LIMIT.ms / 1000} s or ${LIMIT.megabytes} MB: send it as a JSON object instead of text`;

/** True in a thread that was started here. */
const isTask = (data: unknown): data is Task => typeof (data as Task | null)?.reading === 'string' && 'means' in (data as Task);

if (!isMainThread && isTask(workerData)) {
  parentPort?.postMessage(readWorkflowWith(workerData.reading, workerData.means));
}
