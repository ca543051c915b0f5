import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Cluster, startCluster } from './cluster.ts';

let dir: string;
let cluster: Cluster;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-cluster-'));
  cluster = await startCluster({ dir });
});
after(async () => {
  await cluster.stop();
  await rm(dir, { recursive: true, force: true });
});

/** What a node says first to a client: its name, and where else the client may go. Undefined when nobody is there. */
async function greeting(url: string): Promise<{ server_name: string; connect_urls: string[] } | undefined> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
  const said = await new Promise<string | undefined>((resolve) => {
    socket.once('data', (bytes) => resolve(String(bytes))).once('close', () => resolve(undefined));
  });
  socket.destroy();
  return said === undefined ? undefined : JSON.parse(said.slice('INFO '.length));
}

test('clients are told of proxies alone, so that nothing goes around a cut', async () => {
  for (const node of cluster.nodes) {
    const { server_name, connect_urls } = (await greeting(cluster.urlOf(node))) ?? assert.fail();
    assert.equal(server_name, node);
    for (const url of connect_urls) assert.ok(cluster.url.includes(url), `${url} is none of ${cluster.url}`);
  }
});

test('a node that is killed is back at the same address', async () => {
  await cluster.kill('n1');
  assert.equal(await greeting(cluster.urlOf('n1')), undefined);
  await cluster.start('n1');
  await cluster.whole();
  assert.equal((await greeting(cluster.urlOf('n1')))?.server_name, 'n1');
});

test('a node that is cut off is reached by nobody, and is whole again when it is healed', async () => {
  cluster.cut('n2');
  assert.equal(await greeting(cluster.urlOf('n2')), undefined);
  cluster.heal('n2');
  await cluster.whole();
  assert.equal((await greeting(cluster.urlOf('n2')))?.server_name, 'n2');
});
