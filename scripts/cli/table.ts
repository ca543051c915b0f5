/** What fits on a terminal: texts cut or folded to its width, and tables. What is hidden in them is made visible first: it takes room. Pure. */

import { visible } from '@reel/bus/process/terminal.ts';

/** The text in one line of at most that width. */
export function cut(text: string, width: number): string {
  const line = visible(text.replace(/[ \r]{0,80}[\n\t]\s{0,80}/g, ' '));
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1)).replace(/[\ud800-\udbff]$/, '')}…` : line;
}

/** The text in lines of at most that width: broken between words where they fit, and where it has line breaks of its own. */
export function folded(text: string, width: number): string[] {
  return visible(text)
    .split('\n')
    .flatMap((line) => foldedLine(line, width));
}

function foldedLine(text: string, width: number): string[] {
  const lines = [''];
  for (const word of text.split(' ').flatMap((long) => pieces(long, width))) {
    const line = lines.at(-1) as string;
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

const pieces = (word: string, width: number): string[] =>
  word.length <= width ? [word] : [word.slice(0, width), ...pieces(word.slice(width), width)];

/** `3 steps`, `1 step`. */
export const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** Rows under their headings, each column as wide as it needs; the last one gets what is left. */
export function table(headings: string[], rows: string[][], width: number): string {
  const cells = rows.map((row) => row.map((cell) => cut(cell, width)));
  const widths = headings.map((heading, column) => Math.max(heading.length, ...cells.map((row) => (row[column] ?? '').length)));
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + 2, 0);
  const last = Math.max(20, width - before);
  return [headings, ...cells]
    .map((row) =>
      row
        .map((cell, column) => (column === widths.length - 1 ? cut(cell, last) : cell.padEnd(widths[column] as number)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
