import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { openProxy, type TcpProxy } from './proxy.ts';

let echo: Server;
let port: number;
const open = new Set<TcpProxy>();

before(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket).on('error', () => {})).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  port = (echo.address() as AddressInfo).port;
});
after(async () => {
  await Promise.all([...open].map((proxy) => proxy.close()));
  echo.close();
});

async function proxied(): Promise<{ proxy: TcpProxy; socket: Socket }> {
  const proxy = await openProxy(port);
  open.add(proxy);
  const socket = dial(proxy.port, '127.0.0.1');
  socket.on('error', () => {});
  await said(socket, 'hello');
  return { proxy, socket };
}

/** Sends a text, and resolves when it has come back whole. */
async function said(socket: Socket, text: string): Promise<number> {
  const begin = performance.now();
  socket.write(text);
  let heard = '';
  while (heard.length < text.length) heard += String((await once(socket, 'data'))[0]);
  assert.equal(heard, text);
  return performance.now() - begin;
}

/** Resolves when it is closed, with or without an error. */
const closing = (socket: Socket): Promise<void> => new Promise((resolve) => socket.on('error', () => {}).once('close', () => resolve()));

test('what is said is passed on, in both directions, however much it is', async () => {
  const { socket } = await proxied();
  await said(socket, 'x'.repeat(4_000_000));
  socket.end();
  await closing(socket);
});

test('a cut ends every connection and new ones too, until it is healed', async () => {
  const { socket, proxy } = await proxied();
  const closed = closing(socket);
  proxy.cut();
  await closed;
  await closing(dial(proxy.port, '127.0.0.1'));
  proxy.heal();
  const again = dial(proxy.port, '127.0.0.1');
  await said(again, 'again');
  again.destroy();
});

test('a silent cut keeps the connections and swallows what is said, which gets through once it is healed', async () => {
  const { socket, proxy } = await proxied();
  proxy.cut('silent');
  let heard = '';
  socket.on('data', (bytes) => (heard += String(bytes)));
  const newcomer = dial(proxy.port, '127.0.0.1');
  await once(newcomer, 'connect');
  // Another proxy's answer to what was sent later shows that time has passed for this one as well.
  socket.write('held');
  const other = await proxied();
  await said(other.socket, 'x'.repeat(100_000));
  assert.equal(heard.length, 0);
  proxy.heal();
  while (heard !== 'held') await once(socket, 'data');
  for (const one of [socket, newcomer, other.socket]) one.destroy();
});

test('a delay holds back both directions, in order', async () => {
  const { socket, proxy } = await proxied();
  proxy.delay(30);
  assert.ok((await said(socket, 'slow')) >= 59);
  let heard = '';
  socket.on('data', (bytes) => (heard += String(bytes)));
  socket.write('one, ');
  proxy.delay(0);
  socket.write('two');
  while (heard !== 'one, two') await once(socket, 'data');
  socket.destroy();
});

test('it can be opened before it is known where to', async () => {
  const proxy = await openProxy();
  open.add(proxy);
  await closing(dial(proxy.port, '127.0.0.1'));
  proxy.aim(port);
  const late = dial(proxy.port, '127.0.0.1');
  await said(late, 'now');
  late.destroy();
});
