/**
 * The quarantine: a process of its own, with memory and time of its own, for what may be what ended others. A thread would not do: a
 * growing Map, a wide object or a native crash in one ends the whole process. What is in good health comes out of it with its answer;
 * what ends this process as well is known by that.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Broker } from '../jetstream/connect.ts';
import { Refused } from '../jetstream/publisher.ts';
import { LogFull, LogUnavailable } from '../log.ts';
import { STILL_MS, STOOD_STILL, TOOK_MEMORY } from '../process/watchdog.ts';
import type { Death } from '../runtime/react.ts';
import type { ApprovedCall, CallContext, Logger, TimerFired } from '../service.ts';

/** What is to be done there: handle a fact or a ring, see whether the run of a fact can be read, or perform a call. */
export type Order =
  | { readonly fact: { readonly address: string; readonly seq: number; readonly count: number } }
  | { readonly timer: TimerFired }
  | { readonly read: { readonly address: string; readonly seq: number } }
  | { readonly perform: { readonly call: ApprovedCall; readonly key: string; readonly traceparent?: string | undefined } };

/** The service that does it: its name, and the URL of its module. */
export type Patient = { readonly name: string; readonly module: string };

/** What the process is told. */
export type Told =
  | { readonly open: { readonly broker: Broker } }
  | { readonly id: number; readonly patient: Patient; readonly order: Order }
  | { readonly abort: number; readonly reason: { readonly name: string; readonly message: string } };

/** What it tells. `begun`: from now on its end says something about the order. */
export type Tells =
  | { readonly id: number; readonly begun: true }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string; readonly unavailable?: 'full' | 'refused' | 'away' | undefined }
  | { readonly id: number; readonly used: Parameters<CallContext['used']>[0] }
  | { readonly id: number; readonly show: string }
  | { readonly log: keyof Logger; readonly fields: object; readonly message: string };

/** What came of it. */
export type Outcome = { readonly answer: unknown } | Death;

export type Quarantine = {
  /** @throws LogUnavailable when the log could not be reached from there, or the process could not be started or is being stopped. */
  ask(patient: Patient, order: Order, acting?: CallContext): Promise<Outcome>;
  close(): void;
};

export const HEAP_MIB = 256;
/** Beside the heap there is what is kept outside of it, such as buffers. */
export const MOST_BYTES = (HEAP_MIB + 256) * 2 ** 20;
const IDLE_MS = 60_000;

type Surroundings = { readonly broker: Broker; readonly env: NodeJS.ProcessEnv; readonly log: Logger };
/** `begun`: whether it may have been done in part. */
type Asked = Outcome & { readonly begun?: boolean };
type Room = { ask(patient: Patient, order: Order, acting?: CallContext): Promise<Asked>; close(): void; readonly over: boolean };

/**
 * Orders share one process. Where it dies and more than one of them can have done it, each is tried once more in a fresh process, one at a
 * time: so there are never more than two, and no order answers for another.
 */
export function openQuarantine(surroundings: Surroundings): Quarantine {
  let shared: Room | undefined;
  let alone: Room | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  async function askAlone(...asked: Parameters<Room['ask']>): Promise<Outcome> {
    if (isClosed) throw new LogUnavailable('the process is being stopped');
    const room = openRoom(surroundings);
    alone = room;
    try {
      const outcome = await room.ask(...asked);
      if (isInDoubt(outcome)) throw new LogUnavailable(`the quarantine could not begin: its process ${outcome.died}`);
      return outcome;
    } finally {
      room.close();
    }
  }
  return {
    ask: async (patient, order, acting) => {
      if (isClosed) throw new LogUnavailable('the process is being stopped');
      if (shared === undefined || shared.over) shared = openRoom(surroundings);
      const outcome = await shared.ask(patient, order, acting);
      if (!isInDoubt(outcome) || (outcome.begun && !mayRepeat(order))) return outcome;
      const turn = last.then(() => askAlone(patient, order, acting));
      last = turn.catch(() => {});
      return await turn;
    },
    close: () => {
      isClosed = true;
      shared?.close();
      alone?.close();
    },
  };
}

const isInDoubt = (asked: Asked): asked is Death & { readonly begun?: boolean } => 'died' in asked && asked.inDoubt === true;

function mayRepeat(order: Order): boolean {
  return !('perform' in order) || order.perform.call.effect === 'read-only' || order.perform.call.effect === 'idempotent';
}

type Pending = {
  begun: boolean;
  readonly order: Order;
  readonly acting: CallContext | undefined;
  readonly resolve: (asked: Asked) => void;
  readonly reject: (error: Error) => void;
};

/** One process. */
function openRoom({ broker, env, log }: Surroundings): Room {
  const child = fork(fileURLToPath(new URL('./process.ts', import.meta.url)), [], {
    env,
    execArgv: [`--max-old-space-size=${HEAP_MIB}`],
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const pending = new Map<number, Pending>();
  let orders = 0;
  /** Whether something that is done with here may have left behind what ends the process later: reading does not. */
  let isTainted = false;
  let state: 'open' | 'closed' | 'over' = 'open';
  const idle = setTimeout(() => pending.size === 0 && close(), IDLE_MS).unref();
  // What is lost on the way shows in the end of the process.
  const tell = (told: Told): unknown => child.send(told, () => {});
  function close(): void {
    if (state === 'open') state = 'closed';
    child.kill('SIGKILL');
  }
  function lost(how: string): void {
    const closed = state === 'closed';
    state = 'over';
    clearTimeout(idle);
    const isAlone = !isTainted && [...pending.values()].filter(({ begun }) => begun).length === 1;
    for (const one of pending.values()) {
      if (closed) one.reject(new LogUnavailable('the process is being stopped'));
      else one.resolve({ died: how, inDoubt: !one.begun || !isAlone, begun: one.begun });
    }
    pending.clear();
  }
  child.on('message', (tells: Tells) => {
    if ('log' in tells) return log[tells.log](tells.fields, tells.message);
    const one = pending.get(tells.id);
    if (one === undefined) return;
    if ('begun' in tells) one.begun = true;
    else if ('used' in tells) one.acting?.used(tells.used);
    else if ('show' in tells) one.acting?.show(tells.show);
    else {
      pending.delete(tells.id);
      isTainted ||= one.begun && !('read' in one.order);
      idle.refresh();
      if ('answer' in tells) one.resolve({ answer: tells.answer });
      else one.reject(errorOf(tells));
    }
  });
  whenGone(child, lost);
  child.unref();
  child.channel?.unref();
  tell({ open: { broker } });
  return {
    close,
    get over() {
      return state !== 'open';
    },
    ask: (patient, order, acting) =>
      new Promise((resolve, reject) => {
        orders += 1;
        const id = orders;
        pending.set(id, { begun: false, order, acting, resolve, reject });
        tell({ id, patient, order });
        if (acting === undefined) return;
        const abort = (): unknown => pending.has(id) && tell({ abort: id, reason: reasonOf(acting.signal) });
        if (acting.signal.aborted) abort();
        else acting.signal.addEventListener('abort', abort, { once: true });
      }),
  };
}

/** Calls when the process has ended and everything that it told before has been heard. */
function whenGone(child: ChildProcess, lost: (how: string) => void): void {
  const heard = new Promise((resolve) => child.once('disconnect', resolve));
  child.once('error', (error) => lost(`could not be started: ${error.message}`));
  child.once('exit', (code, signal) => void heard.then(() => lost(howOf(code, signal))));
}

function howOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === STOOD_STILL) return `did not come to an end within ${STILL_MS / 1000} s of computing`;
  if (signal === TOOK_MEMORY) return `took more than ${HEAP_MIB} MiB of memory`;
  return signal === null ? `ended itself with code ${code}` : `ended with ${signal}`;
}

function errorOf({ error, unavailable }: Extract<Tells, { error: string }>): Error {
  if (unavailable === undefined) return new Error(error);
  return new { full: LogFull, refused: Refused, away: LogUnavailable }[unavailable](error);
}

function reasonOf({ reason }: AbortSignal): { name: string; message: string } {
  const { name, message } = reason instanceof Error ? reason : new Error(String(reason));
  return { name, message };
}
