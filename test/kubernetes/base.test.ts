/** The Kubernetes base, without a cluster: it is what the code says, as the schemas want it, complete, and accepted by a broker. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { startServer } from '@reel/nats/server.ts';
import { root } from '@reel/scripts/check/tree.ts';
import { type Document, documents, files, folder } from '@reel/scripts/kubernetes/base.ts';
import { referenceFaults, schemaFaults } from '@reel/scripts/kubernetes/check.ts';
import { type Provisioned, provisionBroker, writeCredentials } from '@reel/scripts/local/deployment.ts';
import { SERVICES } from '@reel/services/main.ts';
import { parse } from 'yaml';
import { SIZES } from './demands.ts';
import { installations, rendered } from './rendered.ts';

const notifier = join(root, 'test/extension/notifier.ts');
const all = [...documents.values()].flat();
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-kubernetes-'));
  await writeCredentials(join(dir, 'generated'), [notifier]);
});
after(() => rm(dir, { recursive: true, force: true }));

type Generator = { readonly name: string };
type Kustomization = {
  readonly resources?: string[];
  readonly secretGenerator?: readonly Generator[];
  readonly configMapGenerator?: readonly Generator[];
};
/** The ConfigMaps and Secrets that a kustomization makes. */
function generated(text: string): Document[] {
  const { secretGenerator = [], configMapGenerator = [] } = parse(text) as Kustomization;
  const of = (kind: string, several: readonly Generator[]): Document[] =>
    several.map(({ name }) => ({ apiVersion: 'v1', kind, metadata: { name } }));
  return [...of('Secret', secretGenerator), ...of('ConfigMap', configMapGenerator)];
}

describe('the base', () => {
  it('is what the code says: node scripts/kubernetes/base.ts writes it', async () => {
    const written = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const texts = written.map(async ({ parentPath, name }): Promise<[string, string]> => {
      const path = join(parentPath, name);
      return [path.slice(folder.length + 1), await readFile(path, 'utf8')];
    });
    assert.deepEqual(new Map(await Promise.all(texts)), files());
  });

  it('is as the schemas of Kubernetes want it', () => {
    assert.deepEqual(all.flatMap(schemaFaults), []);
    const wrong = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: { ports: [{ port: 'http' }] } };
    assert.match(schemaFaults(wrong).join(), /Service x: .*port/);
  });

  it('refers to nothing that it does not have, with the keys that were made for it', async () => {
    const made = [files().get('kustomization.yaml') as string, await readFile(join(dir, 'generated/kustomization.yaml'), 'utf8')];
    assert.deepEqual(referenceFaults([...all, ...made.flatMap(generated)]), []);
    assert.ok(referenceFaults(all).includes('Deployment planner refers to Secret credentials-planner, which is not there'));
  });

  it('has a Deployment for every service, which runs it with little and two at a time', () => {
    const deployments = all.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata?.name);
    assert.deepEqual(deployments, [...SERVICES]);
    const budgets = all.filter(({ kind }) => kind === 'PodDisruptionBudget').map(({ metadata }) => metadata?.name);
    assert.deepEqual(budgets, deployments);
  });

  it('lets the folder of every service hold its own key alone', () => {
    const secrets = all.flatMap((one) =>
      [...JSON.stringify(one).matchAll(/"secretName":"([^"]+)"/g)].map(([, secret]) => [one.metadata?.name, secret]),
    );
    assert.deepEqual(
      secrets,
      ['provisioner', ...SERVICES].map((name) => [name, `credentials-${name}`]),
    );
  });
});

describe('the overlays', () => {
  for (const { name, skip } of installations.filter(({ name }) => name !== 'base')) {
    it(`build, ${name}`, { skip }, async () => {
      const built = await rendered(name, [notifier]);
      // kustomize breaks the keys into lines, which clusters accept and the schema does not.
      const written = built.filter(({ kind }) => kind !== 'Secret');
      assert.deepEqual([written.flatMap(schemaFaults), referenceFaults(built)], [[], []]);
      assert.ok(built.length > all.length);
      const text = JSON.stringify(built.filter(({ kind }) => ['Deployment', 'Job'].includes(kind)));
      if (name === 'development') assert.ok(text.includes('"--replicas","1"') && !text.includes('REEL_MODELS'));
    });
  }
});

/** What the official chart makes of these values: nats.conf is the settings that it knows, with `merge` over them. */
function natsConf(config: { jetstream: { merge: object; fileStore: { maxSize: string } }; merge: Record<string, unknown> }): string {
  const { $include, max_payload, ...others } = config.merge;
  assert.deepEqual([max_payload, others], ['<< 1MB >>', {}]);
  return JSON.stringify({ max_payload: 0, jetstream: { max_file_store: 0, ...config.jetstream.merge } }, null, 2)
    .replace('"max_file_store": 0', `"max_file_store": ${config.jetstream.fileStore.maxSize}`)
    .replace('"max_payload": 0', '"max_payload": 1MB')
    .replace('{', `{\n  include ${String($include)};`);
}

it('a broker with the values of the chart and the accounts takes the streams and durables', { timeout: 60_000 }, async () => {
  const { config } = parse(await readFile(join(folder, '../nats-values.yaml'), 'utf8'));
  await writeFile(join(dir, 'nats.conf'), natsConf(config));
  await cp(join(dir, 'generated/accounts.conf'), join(dir, 'accounts.conf'));
  const broker = await startServer({ dataDir: join(dir, 'data'), configFile: join(dir, 'nats.conf') });
  try {
    const provision = (options: Provisioned): Promise<string> => provisionBroker(join(dir, 'generated'), broker.url, options);
    assert.match(await provision({ replicas: '1', storeBytes: '16Gi' }), /saga-tracker, notifier$/);
    await assert.rejects(provision({ replicas: '2' }), /--replicas is "2" and has to be 1, 3 or 5/);
    for (const wrong of ['', '16', '-16Gi', '16Gib', '1e9', 'NaN', '63Mi', '16 Gi', '99999999999Ti'])
      await assert.rejects(
        provision({ replicas: '1', storeBytes: wrong }),
        /^Error: --store-bytes is ".*" and has to be a number of bytes, at/,
      );
    // Together they stay within the store, however often they are made and whatever they hold.
    const connection = await connect({ servers: broker.url, credentials: join(dir, 'generated/credentials') }, 'provisioner');
    const manager = await jetstreamManager(connection);
    for (let filled = 0; filled < 40; filled += 1) await connection.request(`reel.0.r${filled}.run.run.1.request`, 'x'.repeat(900_000));
    for (const [storeBytes, all] of [
      ['16Gi', 16 * 2 ** 30],
      ['800Mi', 800 * 2 ** 20],
      ['800Mi', 800 * 2 ** 20],
    ] as const) {
      await provision({ replicas: '1', storeBytes });
      const configs = (await manager.streams.list().next()).map(({ config }) => config);
      assert.deepEqual(
        configs.filter(({ max_bytes: most }) => most <= 0).map(({ name }) => name),
        [],
      );
      const sum = configs.reduce((bytes, { max_bytes: most }) => bytes + most, 0);
      assert.ok(sum <= all && sum > 0.9 * all, `${sum} of ${all}`);
    }
    await connection.close();
  } finally {
    await broker.stop();
  }
});

it('the store that is shared out among the streams is the one that the broker has', async () => {
  const store = async (values: string): Promise<string> =>
    parse(await readFile(join(folder, '..', values), 'utf8')).config.jetstream.fileStore.maxSize;
  assert.equal(await store('nats-values.yaml'), SIZES.production.store);
  assert.equal(await store('overlays/development/nats-values.yaml'), SIZES.development.store);
});

it('keys that were given once stay as they are', async () => {
  const keys = (): Promise<string> => readFile(join(dir, 'generated/accounts.conf'), 'utf8');
  const before = await keys();
  await writeCredentials(join(dir, 'generated'), []);
  assert.equal(await keys(), before);
});
