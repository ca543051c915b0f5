/** What is there before the containers of Reel: the broker's image, and folders that stand for ConfigMaps and Secrets. */
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findServer } from '@reel/nats/find.ts';
import { root } from '@reel/scripts/check/tree.ts';
import { writeCredentials } from '@reel/scripts/local/deployment.ts';
import { SERVICES } from '@reel/services/main.ts';
import type { Podman } from './podman.ts';

const demo = join(root, 'scripts/demo');

const LOAD_POLICY = `@id("load-may-do-everything")
permit (principal == User::"load", action, resource);
`;
const LOAD_SCENARIO = `name: load
replies:
  - task: load
    reply: { fair: true }
`;
const NATS_CONF = `port: 4222
max_payload: 1MB
jetstream { store_dir: "/data", sync_interval: always }
include ./accounts.conf
`;

/** nats-server and its libraries, and nothing else. @returns the image */
export async function buildBroker({ dir, beside }: Podman): Promise<string> {
  const tree = join(dir, 'broker');
  await mkdir(tree);
  await beside('sh', join(root, 'infra/image/with-libraries.sh'), await findServer(), tree, '/nats-server');
  const container = await beside('buildah', 'from', 'scratch');
  await beside('buildah', 'copy', '--quiet', container, tree, '/');
  await beside('buildah', 'config', '--entrypoint', '["/nats-server", "-c", "/etc/nats/nats.conf"]', container);
  await beside('buildah', 'commit', '--quiet', container, 'localhost/broker');
  await beside('buildah', 'rm', container);
  return 'localhost/broker';
}

/** The folders, by the name of what they stand for. Within a folder that only its owner may enter, everybody may read. */
export async function writeFolders(dir: string): Promise<ReadonlyMap<string, string>> {
  const generated = join(dir, 'generated');
  await writeCredentials(generated, []);
  const folders = new Map<string, string>();
  const folder = async (name: string): Promise<string> => {
    const path = join(dir, 'folders', name);
    await mkdir(path, { recursive: true });
    folders.set(name, path);
    return path;
  };
  const give = async (file: string, to: string): Promise<void> => {
    await cp(join(generated, file), to);
    await chmod(to, 0o444);
  };
  for (const name of ['provisioner', ...SERVICES])
    await give(`credentials/${name}.nk`, join(await folder(`credentials-${name}`), `${name}.nk`));
  const policies = await folder('policies');
  await cp(join(demo, 'policies'), policies, { recursive: true });
  await writeFile(join(policies, 'load.cedar'), LOAD_POLICY);
  // In the place of the list of models, which is not read where there are scripts.
  const models = await folder('models');
  await cp(join(demo, 'scenarios'), models, { recursive: true });
  await writeFile(join(models, 'load.yaml'), LOAD_SCENARIO);
  await folder('tools');
  await folder('cast');
  const nats = await folder('nats');
  await give('accounts.conf', join(nats, 'accounts.conf'));
  await writeFile(join(nats, 'nats.conf'), NATS_CONF);
  return folders;
}
