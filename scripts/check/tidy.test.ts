import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { filesBelow, root, sources } from './tree.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const lines = (path: string): number => read(path).trimEnd().split('\n').length;

/** Everything that is written by hand and goes into a commit. */
const written = filesBelow(['.'], (path) => !/(^|\/)(pnpm-lock\.yaml|LICENSE)$|\.(log|png|ico|woff2?|wasm)$/.test(path));

/** `path:line` of each line that matches. */
function places(pattern: RegExp, paths = written): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  );
}

// What is forbidden is put together from pieces, so that this file does not contain it.
const joined = (...pieces: string[]): string => pieces.join('');
const escaped = (text: string): string => text.replaceAll('.', '\\.');

test('files are named for what they hold', () => {
  const banned = /^(index|types|utils?|helpers?|common|core|manager)\.(test\.)?(tsx?|js|mjs|cjs)$/;
  assert.deepEqual(
    sources().filter((path) => banned.test(basename(path))),
    [],
  );
});

test('nothing is exported wholesale', () => {
  assert.deepEqual(places(/^export \*/, sources()), []);
});

test('every source file opens with a comment that says what it is', () => {
  const silent = sources().filter((path) => !path.endsWith('.test.ts') && !/^(#!.*\n)?\/[/*]/.test(read(path)));
  assert.deepEqual(silent, []);
});

test('no source file is longer than 400 lines', (context) => {
  for (const path of sources()) {
    if (lines(path) > 300) context.diagnostic(`${path} has ${lines(path)} lines; 300 is the aim`);
  }
  assert.deepEqual(
    sources().filter((path) => lines(path) > 400),
    [],
  );
});

test('nothing is left for later in a comment', () => {
  assert.deepEqual(places(new RegExp(`\\b(${joined('TO', 'DO')}|${joined('FIX', 'ME')}|${joined('X', 'XX')})\\b`)), []);
});

test('no host of a package registry is written down', () => {
  const hosts = [
    ['registry.npm', 'js.org'],
    ['registry.yarn', 'pkg.com'],
    ['npm.pkg.git', 'hub.com'],
    ['deb.deb', 'ian.org'],
    ['security.deb', 'ian.org'],
    ['snapshot.deb', 'ian.org'],
    ['ftp.deb', 'ian.org'],
    ['archive.ubu', 'ntu.com'],
    ['files.python', 'hosted.org'],
    ['pypi.', 'org'],
    ['crates.', 'io'],
    ['proxy.go', 'lang.org'],
    ['docker.', 'io'],
    ['ghcr.', 'io'],
    ['quay.', 'io'],
    ['gcr.', 'io'],
    ['registry.k8s.', 'io'],
  ].map((pieces) => escaped(joined(...pieces)));
  assert.deepEqual(places(new RegExp(`(^|[^\\w-])(${hosts.join('|')})\\b`), [...written, 'pnpm-lock.yaml']), []);
});

test("no path of one person's machine is written down", () => {
  assert.deepEqual(
    places(new RegExp(`(^|[\\s'"\`(=:,])(${['work', 'root', 'Users'].map((folder) => joined('/', folder, '/')).join('|')})`)),
    [],
  );
});

/** The streams of a process, by whatever way they are come by: as members, by taking it apart or handing it on, by modules, files and numbers. */
const WRITES = new RegExp(
  [
    '\\bconsole\\b',
    '\\bprocess\\.(std(out|err)|binding)\\b',
    '\\bprocess\\[',
    '[=(,:?]\\s*process\\s*[;,)]',
    'node:(process|console|tty)\\b',
    '/dev/(tty|std)',
    'writeSync\\([12]\\b',
    'pino\\.destination',
  ].join('|'),
);

test('one file writes to the terminal', () => {
  const code = (path: string): string[] =>
    read(path)
      .split('\n')
      .map((text) => text.replace(/^\s*(\/\/|\/?\*).*$/, ''));
  const found = sources()
    .filter(
      (path) =>
        /^(scripts|infra)\/|^services\/main\.ts$/.test(path) && !path.endsWith('.test.ts') && path !== 'infra/bus/process/terminal.ts',
    )
    .flatMap((path) => code(path).flatMap((text, index) => (WRITES.test(text) ? [`${path}:${index + 1}`] : [])));
  assert.deepEqual(
    found.map((place) => place.replace(/:\d+$/, '')),
    // The watchdog has to speak at once, of addresses. The broker's finder knows nothing of the bus, and says one line of its own. The test runner's report is passed on, colours and all.
    ['infra/bus/process/watchdog.ts', 'infra/nats/find.ts', 'scripts/check/test.ts'],
    found.join(' '),
  );
  for (const text of [
    'console.log(x)',
    'console.error(x)',
    'process.stdout.write(x)',
    'process.stderr.write(x)',
    "process['stdout'].write(x)",
    'const { stdout } = process;',
    'const out = process;',
    "import { stdout } from 'node:process';",
    "import { log } from 'node:console';",
    'report.pipe(process.stdout)',
    "createWriteStream('/dev/tty')",
    'writeSync(1, x)',
    'pino.destination(2)',
    'use(process, 1)',
  ])
    assert.match(text, WRITES);
});

/** What reads JSON or YAML by itself, where a number that no double carries would be changed in silence. */
const READS = new RegExp([joined('JSON\\.pa', 'rse\\b'), '\\bawait [\\w.() ]*\\.json\\(\\)', "from 'yaml'"].join('|'));

test('JSON and YAML from outside are read where digits are kept', () => {
  const reading = sources().filter(
    (path) => /^(contracts|services|infra\/bus)\//.test(path) && !/\.test\.ts$|\/fixtures\//.test(path) && places(READS, [path]).length > 0,
  );
  assert.deepEqual(reading, [
    // The one that all others read by.
    'contracts/exact-json.ts',
    // YAML, whose digits are kept in the first.
    'contracts/workflow/source.ts',
    'contracts/workflow/text-place.ts',
    // What Reel itself wrote.
    'infra/bus/process/process-log.ts',
    'infra/bus/signals/presence.ts',
    // Looks at the shape of a body, and is done with it.
    'services/gateway/body.ts',
    // The offline model: a request of our own.
    'services/model-executor/offline/completion.ts',
    // Settings, by the rules of the workflow's YAML.
    'services/model-executor/offline/scenario.ts',
    'services/model-executor/yaml-file.ts',
    // A document, after its digits were kept.
    'services/tool-executor/api-document.ts',
    'services/tool-executor/config.ts',
  ]);
});

test('what decides has no clock and no chance', () => {
  const pure = sources().filter(
    (path) =>
      /^(contracts|services\/(planner|policy|validator|saga-tracker|human-executor)|infra\/bus\/runtime)\//.test(path) &&
      !/\.(test|fixture)\.ts$|\/fixtures\//.test(path) &&
      // A performer acts: its calls time out, and its start has a nonce.
      path !== 'infra/bus/runtime/perform.ts',
  );
  assert.ok(pure.length > 100, `${pure.length} files`);
  const impure =
    /\b(Date\.now|Math\.random|performance\.now|randomUUID|randomBytes|setTimeout|setInterval|process\.(env|pid|hrtime))\b|new Date\(\)/;
  assert.deepEqual(places(impure, pure), []);
});
