/**
 * Servers that have failed too often in a row are left alone for a while, and then tried with a single call. Advisory: it is kept in
 * memory, so each replica finds out for itself, and whether an effect is safe never rests on it.
 */
import { type Logger, Unsent } from '@reel/bus/service.ts';
import { CIRCUIT_OPEN } from '@reel/contracts/tool.ts';

/** So many calls in a row that no server answered as it should, with no more than the window between two of them, begin a rest. */
const FAILURES = 5;
const WINDOW_MS = 60_000;
const FIRST_REST_MS = 10_000;
const LONGEST_REST_MS = 120_000;
/** How soon to come again while somebody else is trying whether the server is back. */
const TRIAL_MS = 1_000;

/** A call's own word on its server: that it could not be reached, broke off, or said itself that it is in trouble (5xx). */
export type Trouble = () => void;

export type CircuitBreaker = {
  /** @throws Unsent while this server rests. */
  refuse(server: string, tool: string): void;
  /**
   * Makes a call to a server, and remembers what it says about the server: nothing when it was only given up, and that it is in trouble
   * when the time was up. @throws Unsent, without making it, while the server rests.
   */
  visit<T>(server: string, tool: string, signal: AbortSignal, call: (trouble: Trouble) => Promise<T>): Promise<T>;
  /** The server is back: the next call tries it, however long it was to rest. */
  back(server: string): void;
};

type State = { failures: number; lastMs: number; restMs: number; untilMs: number; trying: boolean };

/** Keeps an eye on servers. @param now in ms since the epoch */
export function openCircuitBreaker(log: Logger, now: () => number = Date.now): CircuitBreaker {
  const states = new Map<string, State>();

  /** @returns whether this call is the one that tries. */
  function admit(server: string, tool: string): boolean {
    const state = states.get(server);
    if (state === undefined || state.restMs === 0) return false;
    const leftMs = state.untilMs - now();
    if (leftMs <= 0 && !state.trying) return true;
    const retryAfterMs = leftMs > 0 ? leftMs : TRIAL_MS;
    const message = `${tool}: the server "${server}" failed ${state.failures} times in a row and is left alone for ${Math.ceil(retryAfterMs / 1000)} s`;
    throw new Unsent({ code: CIRCUIT_OPEN, message, retryable: true, retryAfterMs });
  }

  function answered(server: string): void {
    if ((states.get(server)?.restMs ?? 0) > 0) log.info({ server }, `The server "${server}" answers again, and is called as ever.`);
    states.delete(server);
  }

  function failed(server: string, tried: boolean): void {
    const state = states.get(server) ?? { failures: 0, lastMs: now(), restMs: 0, untilMs: 0, trying: false };
    if (state.restMs === 0 && now() - state.lastMs > WINDOW_MS) state.failures = 0;
    state.failures += 1;
    state.lastMs = now();
    states.set(server, state);
    // Calls that were under way when the rest began say nothing new.
    if (state.restMs > 0 ? !tried : state.failures < FAILURES) return;
    state.restMs = Math.min(Math.max(FIRST_REST_MS, state.restMs * 2), LONGEST_REST_MS);
    state.untilMs = now() + state.restMs;
    log.warn(
      { server, failures: state.failures, restMs: state.restMs },
      `The server "${server}" failed ${state.failures} times in a row, and is left alone for ${state.restMs / 1000} s by this process.`,
    );
  }

  return {
    refuse: (server, tool) => void admit(server, tool),
    visit: async (server, tool, signal, call) => {
      const tries = admit(server, tool);
      const state = states.get(server);
      if (tries && state !== undefined) state.trying = true;
      let trouble = false;
      let given = true;
      try {
        return await call(() => {
          trouble = true;
        });
      } catch (error) {
        given = !signal.aborted;
        if (!given) trouble = (signal.reason as Error | undefined)?.name === 'TimeoutError';
        throw error;
      } finally {
        if (tries && state !== undefined) state.trying = false;
        if (trouble) failed(server, tries);
        else if (given) answered(server);
      }
    },
    back: (server) => {
      const state = states.get(server);
      if (state !== undefined && state.restMs > 0) state.untilMs = Math.min(state.untilMs, now());
    },
  };
}
