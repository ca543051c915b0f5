/** What holds on to a gateway is limited: streams of events, those who wait for the end of a run, and connections that ask for nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { after, before, it } from 'node:test';
import { serverFor } from '@reel/gateway/server.ts';
import type { Submitted } from '@reel/gateway/shapes.ts';
import { until } from '@reel/scripts/local/until.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const MOST = 4;
const MORE = 12;
const held = { name: 'p', steps: [{ id: 'p', kind: 'person', prompt: 'well?', form: { type: 'object' } }] };

let reel: LocalReel;
before(async () => {
  reel = await startReel({ env: { REEL_MAX_FOLLOWERS: String(MOST) } });
});
after(() => reel.close());

async function othersAreAnswered(): Promise<void> {
  for (const path of ['/healthz', '/readyz', '/v1/runs', '/v1/tools']) assert.equal((await fetch(`${reel.api}${path}`)).status, 200, path);
  assert.equal((await reel.ask('POST', '/v1/runs', { workflow: held })).status, 201);
}

it('more streams than there may be are refused with a reason, others are answered, and who leaves makes room', async () => {
  const { body } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: held });
  const gone = new AbortController();
  const open = (signal?: AbortSignal) =>
    fetch(`${reel.api}/v1/runs/${body.id}/events?tokens=true`, { headers: { accept: 'text/event-stream' }, ...(signal ? { signal } : {}) });
  const first = await open(gone.signal);
  const streams = [first, ...(await Promise.all(Array.from({ length: MOST + MORE - 1 }, () => open())))];
  const refused = streams.filter(({ status }) => status === 503);
  assert.deepEqual([refused.length, streams.filter(({ status }) => status === 200).length], [MORE, MOST]);
  for (const one of refused) {
    const { type, detail } = (await one.json()) as { type: string; detail: string };
    assert.deepEqual([one.headers.get('retry-after'), type], ['5', '/problems/too-many-followers']);
    assert.match(detail, /^4 event streams are open, .*REEL_MAX_FOLLOWERS.*retry/);
  }
  assert.equal((await fetch(`${reel.api}/v1/runs/${body.id}/events`)).status, 200, 'the facts can be had as JSON');
  await othersAreAnswered();
  gone.abort();
  await until(async () => {
    const again = await open();
    if (again.status !== 200) await again.text();
    return again.status === 200;
  });
  assert.equal((await reel.ask('POST', `/v1/runs/${body.id}/cancel`)).status, 202);
  await Promise.all(
    streams
      .slice(1)
      .filter(({ status }) => status === 200)
      .map((one) => one.text()),
  );
  const { body: next } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: held });
  for (let n = 0; n < MOST; n += 1) {
    const stream = await fetch(`${reel.api}/v1/runs/${next.id}/events`, { headers: { accept: 'text/event-stream' } });
    assert.equal(stream.status, 200, 'those that ended have left');
  }
});

it('where too many wait for the end of a run, more are told at once that theirs is under way', { timeout: 30_000 }, async () => {
  const wait = () => reel.ask<Submitted>('POST', '/v1/runs', { workflow: held }, { prefer: 'wait=1' });
  const answers = await Promise.all(Array.from({ length: MOST + MORE }, wait));
  assert.ok(answers.every(({ status }) => status === 202));
  assert.equal(answers.filter(({ headers }) => headers.get('preference-applied') === null).length, MORE);
  assert.equal((await wait()).headers.get('preference-applied'), 'wait=1', 'who has waited makes room');
});

it('connections that ask for nothing, or never finish asking, make way for those who ask', { timeout: 30_000 }, async () => {
  const { promise: answer, resolve: give } = Promise.withResolvers<void>();
  const server = serverFor(
    async ({ url }) => {
      if (url.endsWith('/slow')) await answer;
      return new Response('yes');
    },
    { headersMs: 60_000, requestMs: 60_000, checkMs: 1000 },
    MOST,
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  const raw = async (text: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  try {
    const slow = fetch(`http://127.0.0.1:${port}/slow`);
    for (const text of ['', 'GET / HTTP/1.1\r\n', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n1'])
      for (let n = 0; n < MORE; n += 1) {
        await raw(text);
        assert.equal((await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).status, 200);
      }
    const count = (): Promise<number> => new Promise((resolve) => server.getConnections((_, connections) => resolve(connections)));
    await until(async () => (await count()) <= MOST);
    give();
    assert.equal((await slow).status, 200, 'who is being answered does not make way');
  } finally {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  }
});
