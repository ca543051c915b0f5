/** Which node of the broker a connection is with, while nodes are cut off and killed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { elsewhere, failoverOf } from '@reel/bus/jetstream/failover.ts';
import { type Cluster, type Node, startCluster } from '@reel/nats/cluster.ts';
import { connect, type NatsConnection } from 'nats';

let dir: string;
let cluster: Cluster;
let connection: NatsConnection;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-roam-'));
  cluster = await startCluster({ dir });
  connection = await connect({
    servers: cluster.url.split(','),
    reconnectToServer: elsewhere,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
  });
  // Whoever does not know of the others yet cannot miss them.
  while (connection.info?.connect_urls?.length !== cluster.nodes.length) await connection.flush();
});
after(async () => {
  await connection.close();
  await cluster.stop();
  await rm(dir, { recursive: true, force: true });
});

const here = (): Node => cluster.nodes.find((node) => cluster.urlOf(node).endsWith(connection.getServer())) ?? assert.fail();
const others = (...but: Node[]): Node[] => cluster.nodes.filter((node) => !but.includes(node));
async function moved(): Promise<Node> {
  for await (const { type } of connection.status()) if (type === 'reconnect') return here();
  assert.fail('the connection was closed');
}

let first: Node;
let second: Node;

test('a node that has lost the others is left, and not listened to meanwhile', async () => {
  const roam = failoverOf(connection);
  assert.equal(roam.silent(), false);
  first = here();
  const move = moved();
  cluster.cut(first, 'nodes');
  second = await move;
  assert.notEqual(second, first);
  assert.equal(roam.silent(), false);
});

test('nobody waits for a node that is down: one that was left is better than none', async () => {
  const [down] = others(first, second) as [Node];
  const move = moved();
  await cluster.kill(down);
  cluster.cut(second, 'nodes');
  assert.equal(await move, first);
});
