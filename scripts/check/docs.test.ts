/**
 * The documentation, held to the code: every README.md, CONTRIBUTING.md and CHANGELOG.md of this tree. Its links lead somewhere, and the
 * files, settings, commands and operations that it names exist.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { routes } from '@reel/gateway/routes.ts';
import { EXIT } from '../cli/exit-codes.ts';
import { blocks, inLanguage, type Page, pageAt, pages, placesIn } from './docs.fixture.ts';
import { root, sources } from './tree.ts';

const none = (found: readonly string[]): void => assert.deepEqual(found, []);

describe('pages', () => {
  it('have at most 110 characters a line, but in tables and where they show a file', () => {
    const shown = (page: Page): Set<string> =>
      new Set(page.blocks.filter(({ shows }) => shows !== undefined).flatMap((block) => block.text.split('\n')));
    none(
      pages.flatMap((page) => {
        const files = shown(page);
        const long = (line: string): boolean => line.length > 110 && !line.startsWith('|') && !files.has(line);
        return page.text.split('\n').flatMap((line, index) => (long(line) ? [`${page.path}:${index + 1}`] : []));
      }),
    );
  });

  it('have a first one of at most 150 lines', () => {
    const first = pages.find(({ path }) => path === 'README.md') as Page;
    assert.ok(first.text.trimEnd().split('\n').length <= 150);
  });

  it('show examples in fenced blocks of a language that is known here, so that each of them is tried', () => {
    const known = ['cedar', 'json', 'mermaid', 'sh', 'text', 'ts', 'yaml'];
    none(blocks.filter(({ language }) => !known.includes(language)).map(({ where, language }) => `${where}: "${language}"`));
    none(pages.flatMap((page) => placesIn(page, /```/g)).map(({ where }) => where));
    const indented = /\n\n(?: {4}|\t)[^-*\d\s].*/g;
    none(pages.flatMap(({ path, prose }) => (prose.match(indented) ?? []).map((text) => `${path}: ${text.trim()}`)));
  });

  it('have links that lead to a file and to a heading of it', () => {
    none(
      pages.flatMap((page) =>
        placesIn(page, /\[[^\]]*\]\(([^)\s]+)\)/g).flatMap(({ where, match }) => {
          const [target = '', anchor] = (match[1] as string).split('#');
          if (/^[a-z]+:/.test(target)) return [];
          const path = target === '' ? page.path : join(dirname(page.path), target);
          if (!existsSync(join(root, path))) return [`${where}: there is no ${path}`];
          return anchor === undefined || anchorsOf(path).has(anchor) ? [] : [`${where}: ${path} has no heading #${anchor}`];
        }),
      ),
    );
  });

  it('name files of this tree that exist', () => {
    const named = pages.flatMap((page) => placesIn(page, /`((?:contracts|infra|services|scripts|test)\/[\w./*{},-]+)`/g));
    none(named.filter(({ match }) => globSync(match[1] as string, { cwd: root }).length === 0).map(({ where }) => where));
  });

  it('name operations of the HTTP API that exist', () => {
    const known = new Set(Object.values(routes).map(({ method, path }) => `${method.toUpperCase()} ${path}`));
    const named = pages.flatMap((page) => placesIn(page, /\b(GET|POST|PUT|DELETE) (\/v1[\w/{}-]*)/g));
    none(named.filter(({ match }) => !known.has(`${match[1]} ${match[2]}`)).map(({ where }) => where));
  });
});

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(path: string): Set<string> {
  const headings = pageAt(path).prose.matchAll(/^#{1,6} (.+)$/gm);
  const slug = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
  return new Set([...headings].map(([, heading]) => slug(heading as string)));
}

describe('settings', () => {
  const SETTING = /\bREEL_[A-Z_]*[A-Z]\b/g;
  const code = sources()
    .map((path) => readFileSync(join(root, path), 'utf8'))
    .join('\n');

  it('that are named are read somewhere', () => {
    const named = new Set(pages.flatMap(({ text }) => text.match(SETTING) ?? []));
    const read = new Set(code.match(SETTING));
    none([...named].filter((name) => !read.has(name)));
  });

  it('that are read by services and the command line are told', () => {
    const read = sources()
      .filter((path) => /^(infra|services|scripts)\//.test(path) && !path.endsWith('.test.ts'))
      .flatMap((path) =>
        [...readFileSync(join(root, path), 'utf8').matchAll(/\benv(?:\.|\[')(REEL_[A-Z_]+)/g)].map(([, name]) => name as string),
      );
    const told = new Set(pages.flatMap(({ text }) => text.match(SETTING) ?? []));
    // What the demo and the benchmark give to their own tools.
    none([...new Set(read)].filter((name) => !told.has(name) && !/^REEL_(DEMO|BENCH)_/.test(name)));
  });
});

describe('commands', () => {
  const completion = execFileSync(process.execPath, [join(root, 'scripts/reel.ts'), 'completion', 'bash'], { encoding: 'utf8' });
  /** Of each command its subcommands and options. */
  const known = new Map(
    [...completion.matchAll(/"([a-z]*)"\) \w+="([^"]*)"/g)].map(([, name = '', words = '']) => [name, words.split(' ')]),
  );
  const scripts = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: { [name: string]: string } }).scripts;

  /** Lines of shell, without their comments, and what the prose says in code. */
  const lines = [
    ...inLanguage('sh').flatMap(({ where, text }) =>
      text
        .replaceAll('\\\n', ' ')
        .split('\n')
        .map((line) => ({ where, line: line.replace(/\s#\s.*$/, '') })),
    ),
    ...pages.flatMap((page) => placesIn(page, /`([^`]+)`/g).map(({ where, match }) => ({ where, line: match[1] as string }))),
  ];
  /** The calls of a program, with what follows up to the end of the command. */
  const callsOf = (program: RegExp): { where: string; words: string[] }[] =>
    lines.flatMap(({ where, line }) =>
      [...line.matchAll(program)].map((found) => {
        const rest = line.slice(found.index + found[0].length).split(/[|;&)]|\s"?\$\(/)[0] as string;
        return { where: `${where}: ${line}`, words: rest.trim().split(/\s+/).filter(Boolean) };
      }),
    );
  const optionsIn = (words: readonly string[]): string[] => words.flatMap((word) => /^--[a-z][a-z-]*/.exec(word)?.[0] ?? []);

  it('of reel exist, with their options', () => {
    const wrong = callsOf(/(?:^|\bnpx |\$\()reel (?=[a-z-])/g).flatMap(({ where, words: [name = '', ...rest] }) => {
      const words = name.startsWith('--') ? known.get('') : known.get(name);
      if (words === undefined) return [`${where}: there is no command "${name}"`];
      const subcommands = words.filter((word) => !word.startsWith('--'));
      // The options of a subcommand are not completed.
      if (subcommands.includes(rest[0] ?? '')) return [];
      return optionsIn(rest)
        .filter((option) => !words.includes(option) && option !== '--help')
        .map((option) => `${where}: ${name} has no ${option}`);
    });
    none(wrong);
  });

  it('of npm exist, and the program behind one has the options that are given to it', () => {
    const wrong = callsOf(/\bnpm (?:run )?(?=[a-z])/g).flatMap(({ where, words: [name = '', ...rest] }) => {
      if (['install', 'pack'].includes(name)) return [];
      const script = scripts[name];
      if (script === undefined) return [`${where}: package.json has no script "${name}"`];
      const program = /node (\S+)/.exec(script)?.[1];
      const text = program === undefined ? '' : readFileSync(join(root, program), 'utf8');
      return optionsIn(rest.filter((word) => word !== '--'))
        .filter((option) => !text.includes(`'${option}'`) && !new RegExp(`\\b${option.slice(2)}'?: (?:\\{ type:|text,)`).test(text))
        .map((option) => `${where}: ${program} knows no ${option}`);
    });
    none(wrong);
  });

  it('of node start a file that exists', () => {
    const files = callsOf(/\bnode (?=[a-z]+\/)/g);
    none(files.filter(({ words: [file = ''] }) => !existsSync(join(root, file))).map(({ where }) => where));
  });

  it('end with the codes that the table says', () => {
    const table = pages.flatMap((page) => placesIn(page, /^\| (\d) +\| `(\w+)`/g).map(({ match }) => [match[2], Number(match[1])]));
    assert.deepEqual(Object.fromEntries(table), EXIT);
  });
});
