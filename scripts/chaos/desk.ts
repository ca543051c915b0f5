/**
 * The tools that chaos calls, over HTTP and outside of everything that is killed: they are slow, they fail, they break off before and after
 * the effect, and they count every effect by its key, in memory and as a line in a file.
 */

import { appendFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { randomFor } from '@reel/bus/simulator/random.ts';

/** What was done under a key: by which tool, how often, and under which keys it was undone. */
export type Kept = { readonly uses: string; times: number; readonly undoneBy: Set<string> };

export type Desk = {
  readonly url: string;
  readonly effects: ReadonlyMap<string, Kept>;
  /** How often it misbehaved, by how. */
  readonly troubles: ReadonlyMap<string, number>;
  /** What somebody finds who looks whether something was done under a key; what is not there is remembered in `missed`. */
  look(key: string): { key: string } | undefined;
  /** The keys under which a person looked and found nothing. An effect that came later could not be seen. */
  readonly missed: ReadonlySet<string>;
  close(): Promise<void>;
};

const of = { type: 'object', properties: { of: { type: 'string' } } };
const KEY = [{ name: 'Idempotency-Key', in: 'header', required: true, schema: { type: 'string' } }];
const told = { type: 'object', required: ['key'], properties: { key: { type: 'string' } } };
const operation = (operationId: string, parameters: object[] = KEY): object => ({
  operationId,
  parameters,
  requestBody: { required: true, content: { 'application/json': { schema: of } } },
  responses: { 200: { description: 'done', content: { 'application/json': { schema: told } } } },
});
const UNDOES: { readonly [tool: string]: string } = { book: 'cancel', pay: 'repay' };
const undoes = new Set(Object.values(UNDOES));
const ONCE: readonly string[] = ['pay', 'repay'];

const openapi = {
  openapi: '3.1.0',
  info: { title: 'human-executor', version: '1' },
  servers: [{ url: '/' }],
  paths: {
    ...Object.fromEntries(['book', 'cancel', 'send', 'decline'].map((name) => [`/${name}`, { post: operation(name) }])),
    // They declare no key, so they may not be called twice.
    ...Object.fromEntries(ONCE.map((name) => [`/${name}`, { post: operation(name, []) }])),
    '/price': {
      get: { operationId: 'price', responses: { 200: { description: 'it', content: { 'application/json': { schema: told } } } } },
    },
  },
};
const flappy = {
  ...openapi,
  paths: { '/flap': { get: { ...openapi.paths['/price'].get, operationId: 'flap' } } },
};

/** How the tool-executor is told of it. */
export const apisOf = ({ url }: Pick<Desk, 'url'>): object => ({
  desk: {
    document: `${url}/openapi.json`,
    baseUrl: url,
    timeoutMs: PATIENCE_MS,
    tools: Object.fromEntries(
      Object.entries(UNDOES).map(([tool, undo]) => [tool, { compensation: { uses: undo, with: { body: { of: '= result.key' } } } }]),
    ),
  },
  flappy: { document: `${url}/flappy.json`, baseUrl: url, timeoutMs: PATIENCE_MS },
});

/** How long a call may take. */
const PATIENCE_MS = 3000;
/** What flaps is there for so long, and away for as long. */
const FLAP_MS = 4000;

type Trouble = 'busy' | 'breaks' | 'breaks-after' | 'slow' | 'hangs' | 'none';
const LOT: readonly (readonly [Trouble, number])[] = [
  ['busy', 0.05],
  ['breaks', 0.04],
  ['breaks-after', 0.06],
  ['slow', 0.08],
  ['hangs', 0.01],
];

/** Serves it on a free port. The same seed misbehaves the same for the same call of the same key. @param file where effects are noted */
export async function startDesk(seed: number, file: string): Promise<Desk> {
  const effects = new Map<string, Kept>();
  const troubles = new Map<string, number>();
  const calls = new Map<string, number>();
  const missed = new Set<string>();
  const beganMs = Date.now();

  function lotOf(tool: string, key: string): Trouble {
    const count = (calls.get(key) ?? 0) + 1;
    calls.set(key, count);
    const chance = randomFor(seed, `${tool} ${key} ${count}`).next();
    let sum = 0;
    const lot = LOT.find(([, share]) => chance < (sum += share))?.[0] ?? 'none';
    // Who stamps dies of a line that breaks.
    const name = tool === 'stamp' ? lot.replace('breaks', 'dies') : lot;
    if (lot !== 'none') troubles.set(name, (troubles.get(name) ?? 0) + 1);
    return lot;
  }
  function happen(uses: string, key: string, what: string | undefined): void {
    const known = effects.get(key);
    // An operation that honours keys acts once under each key. The others act at every call.
    if (known !== undefined && !ONCE.includes(uses)) return;
    if (known === undefined) effects.set(key, { uses, times: 1, undoneBy: new Set() });
    else known.times += 1;
    if (undoes.has(uses) && what !== undefined) effects.get(what)?.undoneBy.add(key);
    appendFileSync(file, `${JSON.stringify({ uses, key, of: what })}\n`);
  }
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const tool = (request.url ?? '').slice(1).split('?')[0] as string;
    if (tool === 'openapi.json') return say(response, 200, openapi);
    if (tool === 'flappy.json') return say(response, 200, flappy);
    const body = request.method === 'POST' ? ((await json(request)) as { of?: string }) : {};
    const key = String(request.headers['idempotency-key'] ?? 'nobody');
    if (tool === 'flap' && Math.floor((Date.now() - beganMs) / FLAP_MS) % 2 === 1) {
      troubles.set('flaps', (troubles.get('flaps') ?? 0) + 1);
      return say(response, 503, { title: 'away' });
    }
    if (tool === 'decline') return say(response, 422, { title: 'never' });
    const lot = lotOf(tool, key);
    if (lot === 'busy') return say(response, 503, { title: 'busy' });
    if (lot === 'breaks') return void request.socket.destroy();
    if (request.method === 'POST') happen(tool, key, body.of);
    if (lot === 'breaks-after') return void request.socket.destroy();
    if (lot === 'hangs') return;
    if (lot === 'slow') await delay(300 + randomFor(seed, key).below(1500));
    say(response, 200, { key });
  }
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    effects,
    troubles,
    missed,
    look: (key) => {
      if (effects.has(key)) return { key };
      missed.add(key);
      return undefined;
    },
    close: async () => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What only undoes what another did. */
export const isUndo = (uses: string): boolean => undoes.has(uses);

function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
