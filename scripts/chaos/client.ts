/** A client as everybody should be one: it asks again, at the next gateway, under the same key, whenever it cannot know what became of a request. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ProblemDetails } from '@reel/gateway/shapes.ts';

export type Answer<T> = { readonly status: number; readonly body: T & Partial<Pick<ProblemDetails, 'title' | 'detail'>> };

export type Client = {
  /** Asks until one of them answers with anything but that it is in trouble. @throws when the signal aborts */
  ask<T>(method: 'GET' | 'POST', path: string, body?: object, headers?: Record<string, string>): Promise<Answer<T>>;
  /** How often it had to ask again. */
  again(): number;
};

const PATIENCE_MS = 12_000;
const PAUSE_MS = 100;

/** @param gateways where they are */
export function openClient(gateways: readonly string[], given: AbortSignal): Client {
  let turn = 0;
  let again = 0;
  return {
    again: () => again,
    ask: async (method, path, body, headers = {}) => {
      for (;;) {
        given.throwIfAborted();
        const gateway = gateways[turn % gateways.length] as string;
        try {
          const response = await fetch(`${gateway}${path}`, {
            method,
            signal: AbortSignal.any([given, AbortSignal.timeout(PATIENCE_MS)]),
            headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          });
          const answer = (await response.json()) as never;
          if (response.status < 500 && response.status !== 429) return { status: response.status, body: answer };
        } catch (error) {
          given.throwIfAborted();
          if (!(error instanceof Error)) throw error;
        }
        turn += 1;
        again += 1;
        await delay(PAUSE_MS);
      }
    },
  };
}
