/** `node scripts/sdk/pack.ts OUT`: writes `@reel/sdk` into a new folder, as JavaScript with types, ready for `npm pack` and `npm install`. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { print, warn } from '@reel/bus/process/terminal.ts';
import { root } from '../check/tree.ts';

const ENTRIES = ['sdk', 'facts', 'testing'];
/** The folders of the packages whose files it is made of. */
const PARTS: { readonly [name: string]: string } = {
  '@reel/bus': 'infra/bus',
  '@reel/contracts': 'contracts',
  '@reel/tool-executor': 'services/tool-executor',
};
const IMPORTED = /(\bfrom |\bimport |\bimport\()(["'])([^"'\n]+)\2/g;

type Manifest = { readonly version: string; readonly license: string; readonly dependencies: Versions; readonly devDependencies: Versions };
type Versions = { readonly [name: string]: string };

/** Writes the package into `out`, which must not exist yet. @throws when something it imports is declared nowhere. */
export async function packSdk(out: string): Promise<void> {
  if (existsSync(out)) throw new Error(`${out} is there already: name a folder that is not`);
  const compiled = await mkdtemp(join(tmpdir(), 'reel-sdk-'));
  try {
    await compile(compiled);
    const used = new Set<string>();
    const seen = new Set<string>();
    for (const entry of ENTRIES)
      for (const ending of ['.js', '.d.ts']) await take(`infra/sdk/${entry}${ending}`, { from: compiled, to: out, used, seen });
    await writeFile(join(out, 'package.json'), `${JSON.stringify(await manifest(used), null, 2)}\n`);
    await copyFile(join(root, 'infra/sdk/README.md'), join(out, 'README.md'));
    await copyFile(join(root, 'LICENSE'), join(out, 'LICENSE'));
  } finally {
    await rm(compiled, { recursive: true });
  }
}

/** Packs it into one file in `folder`, as `npm pack` does. @returns the file's name. */
export async function packedInto(folder: string): Promise<string> {
  const at = await mkdtemp(join(tmpdir(), 'reel-pack-'));
  try {
    await packSdk(join(at, 'package'));
    const pack = promisify(execFile)('npm', ['pack', join(at, 'package'), '--pack-destination', folder], { cwd: at });
    const { stdout } = await pack.catch((error: Error) => {
      throw new Error(`the SDK could not be packed by npm, which comes with Node.js: ${error.message}`);
    });
    return stdout.trim().split('\n').at(-1) as string;
  } finally {
    await rm(at, { recursive: true });
  }
}

/** Writes the code and the types of all that the entries import. */
async function compile(outDir: string): Promise<void> {
  const paths = Object.fromEntries(Object.entries(PARTS).map(([name, folder]) => [`${name}/*`, [join(root, folder, '*')]]));
  const typeRoots = [join(root, 'node_modules/@types')];
  const config = {
    extends: join(root, 'tsconfig.json'),
    // Unchecked: `npm run check` has checked it, and would have it that our imports by name cannot be rewritten. They are, here.
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      noCheck: true,
      rootDir: root,
      outDir,
      paths,
      typeRoots,
    },
    files: ENTRIES.map((entry) => join(root, `infra/sdk/${entry}.ts`)),
    include: [],
  };
  const file = join(outDir, 'tsconfig.json');
  await writeFile(file, JSON.stringify(config));
  const done = promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', file]);
  await done.catch((error: { stdout?: string; message: string }) => {
    throw new Error(`the SDK does not compile: ${error.stdout || error.message}`);
  });
}

type Taking = { readonly from: string; readonly to: string; readonly used: Set<string>; readonly seen: Set<string> };

/** Takes a file and all that it imports of ours; types go by types, code by code. */
async function take(path: string, taking: Taking): Promise<void> {
  if (taking.seen.has(path)) return;
  taking.seen.add(path);
  const next: string[] = [];
  const text = (await readFile(join(taking.from, path), 'utf8')).replaceAll(IMPORTED, (_, before, quote, specifier: string) => {
    const ours = ownFile(path, specifier);
    if (ours === undefined) taking.used.add(specifier);
    else next.push(path.endsWith('.d.ts') ? ours.replace(/\.js$/, '.d.ts') : ours);
    return `${before}${quote}${ours === undefined ? specifier : beside(path, ours)}${quote}`;
  });
  const file = join(taking.to, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  for (const one of next) await take(one, taking);
}

/** The packed file that a specifier names, from the root of the package; undefined for what is not ours. */
function ownFile(from: string, specifier: string): string | undefined {
  const asPacked = (path: string): string => path.replace(/\.ts$/, '.js');
  if (specifier.startsWith('.')) return asPacked(normalize(join(dirname(from), specifier)));
  const [name] = Object.keys(PARTS).filter((part) => specifier.startsWith(`${part}/`));
  return name === undefined ? undefined : asPacked(join(PARTS[name] as string, specifier.slice(name.length + 1)));
}

function beside(from: string, path: string): string {
  const to = relative(dirname(from), path);
  return to.startsWith('.') ? to : `./${to}`;
}

async function manifest(used: ReadonlySet<string>): Promise<object> {
  const read = async (folder: string): Promise<Manifest> =>
    JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')) as Manifest;
  const [own, whole, ...parts] = await Promise.all(['infra/sdk', '.', ...Object.values(PARTS)].map(read));
  const known: Versions = Object.assign({}, ...parts.map(({ dependencies }) => dependencies), own?.dependencies);
  const libraries = [...used]
    .filter((specifier) => !specifier.startsWith('node:'))
    .map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] as string);
  const types = '@types/node';
  const dependencies = Object.fromEntries(
    [...new Set(libraries)].sort().map((name) => {
      if (known[name] === undefined) throw new Error(`the SDK imports ${name}, which none of its parts declares`);
      return [name, known[name]];
    }),
  );
  const at = (entry: string): object => ({ types: `./infra/sdk/${entry}.d.ts`, default: `./infra/sdk/${entry}.js` });
  return {
    name: '@reel/sdk',
    version: own?.version,
    description: 'What services, performers and tools of your own need to be served by Reel',
    license: own?.license,
    type: 'module',
    engines: { node: '>=24' },
    exports: Object.fromEntries(ENTRIES.map((entry) => [entry === 'sdk' ? '.' : `./${entry}`, at(entry)])),
    dependencies: { ...dependencies, [types]: whole?.devDependencies[types] },
  };
}

if (import.meta.main) {
  const [out, more] = process.argv.slice(2);
  if (out === undefined || more !== undefined) {
    warn('usage: node scripts/sdk/pack.ts OUT (a folder that is not there yet)');
    process.exitCode = 2;
  } else {
    await packSdk(resolve(out));
    print(`@reel/sdk is in ${resolve(out)}: npm pack, or npm install that folder`);
  }
}
