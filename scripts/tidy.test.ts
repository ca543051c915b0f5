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
