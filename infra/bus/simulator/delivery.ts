/** The broker's part in the simulator: a message is sent to one of several replicas, again and again until it is acknowledged. */
import { type Log, LogUnavailable } from '../log.ts';
import type { Handled } from '../runtime/react.ts';
import type { Entry as Planned, Task } from './agenda.ts';
import { type PortOptions, portFor, type Touch, touchFor } from './port.ts';

/** What a piece of work is given: the log, how to say that it is still being worked on, and the world that goes wrong. */
export type Working = { readonly log: Log; readonly touch: Touch; readonly beat: () => void; readonly stopping: AbortSignal };

export type Message = {
  /** Whose it is, and what it is about, by which chance knows it. */
  readonly name: string;
  readonly about: string;
  readonly moment: 'hears' | 'rings';
  /** @param replica which of the replicas it was sent to, from 0. @param count how often it was sent, as the broker remembers. */
  readonly work: (working: Working, replica: number, count: number) => Promise<Handled>;
};

const HOP_MS = 1;
const ACK_WAIT_MS = 2000;
const RETRY_MS = 250;
/** After this many failures in a row no more faults are injected. Endless failure is a test of its own. */
const FRAIL = 4;

/** @param fail told of an error that no bus would survive. @returns how to post a message. */
export function openDelivery(surroundings: PortOptions, fail: (error: unknown) => void): (message: Message) => void {
  const { agenda, chooser, over } = surroundings;

  function post(message: Message): void {
    const { name, about, moment } = message;
    let sent = 0;
    let count = 0;
    let acked = false;
    let due: Planned | undefined;

    function remind(ms: number): void {
      if (due !== undefined) due.off = true;
      due = agenda.later(ms, send);
    }
    function send(): void {
      if (acked) return;
      count += 1;
      remind(ACK_WAIT_MS);
      transmit();
    }
    function transmit(): void {
      const replica = sent;
      sent += 1;
      const task: Task = { name, frail: sent <= FRAIL, dead: false, frozenUntilMs: 0 };
      const fault = task.frail ? chooser.at(moment, name, about) : undefined;
      if (fault?.what === 'twice') agenda.later(fault.amount, transmit);
      const isLate = fault?.what === 'late' || fault?.what === 'delayed';
      if (fault?.what === 'lost') acknowledge();
      else agenda.later(HOP_MS + (isLate ? fault.amount : 0), () => void work(task, replica));
    }
    async function work(task: Task, replica: number): Promise<void> {
      const touch = touchFor(task, surroundings);
      const beat = (): void => (acked ? undefined : remind(ACK_WAIT_MS));
      try {
        const verdict = await message.work({ log: portFor(task, touch, surroundings), touch, beat, stopping: over() }, replica, count);
        if (verdict === 'handled') return handled(task);
        if (!acked) remind(verdict.againInMs);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) fail(error);
        else if (!acked) remind(RETRY_MS);
      }
    }
    function handled(task: Task): void {
      const fault = task.frail ? chooser.at('acks', name, about) : undefined;
      if (fault?.what === 'unacknowledged') return;
      acknowledge();
      if (fault?.what === 'forgotten') agenda.later(fault.amount, forget);
    }
    function acknowledge(): void {
      acked = true;
      if (due !== undefined) due.off = true;
    }
    function forget(): void {
      acked = false;
      count = 0;
      send();
    }
    send();
  }
  return post;
}
