/** For the tests: the pages of the documentation, and what they show. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, root } from './tree.ts';

/** A fenced block. `shows`: the file that the comment before it names. */
export type Block = { readonly where: string; readonly language: string; readonly text: string; readonly shows: string | undefined };
export type Page = { readonly path: string; readonly text: string; readonly prose: string; readonly blocks: readonly Block[] };

const FENCE = /(?:<!-- (\S+) -->\n)?^```(\S*)\n([\s\S]*?)^```$/gm;

export function pageAt(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8');
  const blocks = [...text.matchAll(FENCE)].map(({ 0: whole, 1: shows, 2: language = '', 3: body = '', index }) => {
    const line = text.slice(0, index).split('\n').length + (whole.startsWith('<!--') ? 1 : 0);
    return { where: `${path}:${line}`, language, text: body, shows };
  });
  // As many lines as before, so that a place in the prose is a place in the file.
  return { path, text, prose: text.replace(FENCE, (block) => block.replace(/[^\n]/g, '')), blocks };
}

export const pages = filesBelow(['.'], (path) => /(^|\/)(README|CONTRIBUTING|CHANGELOG)\.md$/.test(path)).map(pageAt);
export const blocks = pages.flatMap((page) => page.blocks);
export const inLanguage = (...languages: string[]): Block[] => blocks.filter(({ language }) => languages.includes(language));

/** `path:line` of each match in what a page says. */
export const placesIn = ({ path, prose }: Page, pattern: RegExp): { where: string; match: RegExpMatchArray }[] =>
  prose
    .split('\n')
    .flatMap((line, index) => [...line.matchAll(pattern)].map((match) => ({ where: `${path}:${index + 1}: ${match[0]}`, match })));
