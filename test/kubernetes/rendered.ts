/** What is applied to a cluster: the base as it is written, and what kubectl makes of each overlay with keys of its own. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Document, folder } from '@reel/scripts/kubernetes/base.ts';
import { writeCredentials } from '@reel/scripts/local/deployment.ts';
import { parse, parseAllDocuments } from 'yaml';

const run = promisify(execFile);

export type Installation = 'base' | 'production' | 'development';

const kustomizes = await run('kubectl', ['kustomize', '--help']).then(
  () => true,
  () => false,
);
/** Each installation, and why it cannot be rendered here, where it cannot. */
export const installations: readonly { readonly name: Installation; readonly skip: false | string }[] = (
  ['base', 'production', 'development'] as const
).map((name) => ({ name, skip: name === 'base' || kustomizes ? false : 'there is no kubectl here to build it' }));

/** The objects of an installation; `admitted` are the paths of services beside Reel's own. */
export async function rendered(name: Installation, admitted: readonly string[] = []): Promise<Document[]> {
  if (name === 'base') return base();
  const dir = await mkdtemp(join(tmpdir(), 'reel-rendered-'));
  try {
    const overlay = join(dir, 'overlays', name);
    await mkdir(join(dir, 'overlays'));
    await cp(folder, join(dir, 'base'), { recursive: true });
    // Whoever tries the overlays in this checkout has keys there, which are theirs.
    await cp(join(folder, '../overlays', name), overlay, { recursive: true, filter: (path) => !path.endsWith('generated') });
    await writeCredentials(join(overlay, 'generated'), admitted);
    const { stdout } = await run('kubectl', ['kustomize', overlay], { maxBuffer: 16 * 1024 * 1024 });
    return objects(stdout);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Without kubectl, as it can be had everywhere: the files that the kustomization names, in its namespace. */
async function base(): Promise<Document[]> {
  const read = (file: string): Promise<string> => readFile(join(folder, file), 'utf8');
  const { resources, namespace } = parse(await read('kustomization.yaml')) as { resources: string[]; namespace: string };
  const all = (await Promise.all(resources.map(read))).flatMap(objects);
  return all.map((one) => ({ ...one, metadata: { ...one.metadata, ...(one.kind === 'Namespace' ? {} : { namespace }) } }));
}

const objects = (text: string): Document[] => parseAllDocuments(text).map((document) => document.toJS() as Document);
