/** `reel new`: a service, a performer, tools or a workflow of your own, in a folder of its own, which works as it is written. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { print } from '@reel/bus/process/terminal.ts';
import { isStepKind } from '@reel/contracts/address.ts';
import { SERVICES } from '@reel/services/main.ts';
import type { Command } from 'commander';
import { root } from '../../check/tree.ts';
import { packedInto } from '../../sdk/pack.ts';
import { Refused } from '../api.ts';
import { commandLine, shellWord } from '../command-line.ts';
import { EXIT } from '../exit-codes.ts';
import { KINDS } from '../new-files.ts';

/** Performed by Reel itself. */
const TAKEN = ['tool', 'model', 'person'];

/** Writes a folder of that kind. @returns the names of its files. @throws Refused when it cannot be of that name. */
async function write(kind: string, name: string, folder: string): Promise<string[]> {
  const make = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (make === undefined) throw new Refused(`"${kind}" is none of ${Object.keys(KINDS).join(', ')}`);
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name)) throw new Refused(`the name is "${name}", and has to be 1 to 31 of a-z 0-9 -, a letter first`);
  const isTaken = kind === 'performer' ? TAKEN.includes(name) || !isStepKind(name) : (SERVICES as readonly string[]).includes(name);
  if (isTaken && ['performer', 'service'].includes(kind)) throw new Refused(`"${name}" is a name of Reel's own: take another`);
  if (existsSync(folder)) throw new Refused(`${folder} is there already: nothing was written`, EXIT.conflict);
  // Whole or not at all: half a folder would be in the way of the next try.
  const draft = `${folder}.new-${process.pid}`;
  await mkdir(draft);
  try {
    const sdk = await packedInto(draft);
    const files = { ...make(name), 'package.json': await packageJson(name, sdk), 'tsconfig.json': await tsconfig() };
    for (const [file, text] of Object.entries(files)) await writeFile(join(draft, file), text);
    await rename(draft, folder);
    return [...Object.keys(files), sdk];
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const ownJson = async (file: string): Promise<{ [field: string]: { [name: string]: string } }> =>
  JSON.parse(await readFile(join(root, file), 'utf8')) as { [field: string]: { [name: string]: string } };

/** Reel's own rules, spelt out: the folder may be taken anywhere. */
async function tsconfig(): Promise<string> {
  const { compilerOptions } = await ownJson('tsconfig.json');
  return written({ compilerOptions, include: ['*.ts'] });
}

async function packageJson(name: string, sdk: string): Promise<string> {
  const { devDependencies, engines } = await ownJson('package.json');
  const [types, typescript] = ['@types/node', 'typescript'].map((library) => devDependencies?.[library]);
  return written({
    name,
    private: true,
    type: 'module',
    engines,
    scripts: { test: 'node --test', types: 'tsc' },
    dependencies: { '@reel/sdk': `file:./${sdk}` },
    devDependencies: { '@types/node': types, typescript },
  });
}

const written = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

/** What there is to do with it, each a line that can be copied. */
function next(kind: string, name: string, folder: string): string[] {
  const at = (file: string): string => join(folder, file);
  const served = (): string[] => [
    commandLine({ command: 'npx reel admit', operands: [at(`${name}.ts`)] }),
    commandLine({ command: 'npx node', operands: [join(root, 'services/main.ts'), at(`${name}.ts`)] }),
  ];
  const started: { readonly [kind: string]: () => string[] } = {
    service: served,
    performer: served,
    tools: () => [`REEL_TOOLS=${shellWord(at('tools.yaml'))} npx reel up`],
    workflow: () => [`${commandLine({ command: 'npx reel run', operands: [at(`${name}.yaml`)] })} --input '{"total":90.5}' --follow`],
  };
  return [
    commandLine({ command: 'npm install', options: { prefix: folder } }),
    commandLine({ command: 'npx node --test', operands: [at(`${name}.test.ts`)] }),
    ...(started[kind] as () => string[])(),
  ];
}

export function addNew(reel: Command): void {
  reel
    .command('new <KIND> <NAME>')
    .description('write a working service, performer, tools or workflow of your own, with a test, into a folder of that name')
    .action(async (kind: string, name: string) => {
      const folder = resolve(name);
      const files = await write(kind, name, folder);
      print(
        `${files.join(', ')} in ${folder}. Next (types and tests need the first, Reel does not):\n  ${next(kind, name, folder).join('\n  ')}`,
      );
    });
}
