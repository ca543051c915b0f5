/** The model that chaos asks: scripts over HTTP behind a door that fails in every way that providers do, outside of everything that is killed. */
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomFor } from '@reel/bus/simulator/random.ts';
import { type Behaviour, startEndpoint } from '@reel/model-executor/fixtures/endpoint.ts';
import { startOffline } from '@reel/model-executor/offline/offline.ts';

export type Models = {
  /** Base URLs of two providers. */
  readonly urls: readonly string[];
  readonly troubles: ReadonlyMap<string, number>;
  /** The keys of all attempts that were asked, as often as they were. */
  readonly asked: readonly string[];
  close(): Promise<void>;
};

const TROUBLES: readonly (readonly [string, Behaviour])[] = [
  ['rate-limited', { status: 429, headers: { 'retry-after-ms': '50' } }],
  ['broken', { status: 500 }],
  ['overloaded', { status: 503, headers: { 'retry-after': '0' } }],
  ['cut off', { begin: ['{"best"'], and: 'cut' }],
  ['half', { say: ['{"best": "So'] }],
  ['truncated', { say: ['{"best": "So'], finish: 'length' }],
  ['nonsense', { say: ['{"worst": 1, "steps": 7}'] }],
  ['empty', { say: [''] }],
  ['filtered', { say: [], finish: 'content_filter' }],
  ['refused', { say: ['I cannot help with that.'], as: 'refusal' }],
  ['rejected', { status: 400 }],
  ['silent', 'silence'],
];
/** How often one of them comes up. */
const SHARE = 0.12;

/** @param folder of the scripts */
export async function startModels(seed: number, folder: string, share = SHARE): Promise<Models> {
  const offline = await startOffline({ folder });
  const troubles = new Map<string, number>();
  const asked: string[] = [];
  const bad = await startEndpoint(({ headers }) => (TROUBLES[Number(headers['x-chaos'])] ?? TROUBLES[0])?.[1] as Behaviour);
  const open = async (): Promise<{ url: string; close(): Promise<void> }> => {
    const server = createServer((request, response) => {
      const key = String(request.headers['idempotency-key']);
      asked.push(key);
      const chance = randomFor(seed, key);
      const isBad = chance.happens(share);
      const trouble = chance.below(TROUBLES.length);
      const name = TROUBLES[trouble]?.[0] as string;
      if (isBad) troubles.set(name, (troubles.get(name) ?? 0) + 1);
      const target = new URL(isBad ? bad.url : offline.url);
      const headers = { ...request.headers, host: target.host, ...(isBad ? { 'x-chaos': String(trouble) } : {}) };
      const passed = ask({ port: target.port, path: request.url, method: request.method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.on('aborted', () => response.destroy());
        answer.pipe(response);
      });
      passed.on('error', () => response.destroy());
      response.on('close', () => passed.destroy());
      request.pipe(passed);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      close: async () => {
        const closed = new Promise((done) => server.close(done));
        server.closeAllConnections();
        await closed;
      },
    };
  };
  const providers = [await open(), await open()];
  return {
    urls: providers.map(({ url }) => url),
    troubles,
    asked,
    close: async () => {
      await Promise.all(providers.map(({ close }) => close()));
      await Promise.all([offline.close(), bad.close()]);
    },
  };
}
