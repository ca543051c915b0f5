/**
 * The one place that writes to the terminal. Names, errors and answers come from others: a terminal must not obey them, and a reader must
 * see what is in them. So every hidden or active character is shown as `\u{202e}`; only colours that `paint` has put there are colours.
 */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import pino from 'pino';
import { withoutSecrets } from '../runtime/secrets.ts';

/** Joiners and selectors that belong to the emoji before them, which may stay; and then everything that has no face of its own. */
const HIDDEN =
  /((?<=[\p{Extended_Pictographic}#*\d])\u{fe0f}|(?<=\p{Extended_Pictographic}[\u{fe0f}\p{Emoji_Modifier}]?)\u{200d}(?=\p{Extended_Pictographic}))|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** Most text is plain. */
const PLAIN = /^[\x20-\x7e\n\t]*$/;

const shown = (letter: string): string => `\\u{${(letter.codePointAt(0) as number).toString(16)}}`;

function replaced(text: string, kept: string, instead: (letter: string) => string): string {
  if (PLAIN.test(text)) return text;
  return text.replace(HIDDEN, (letter, joiner: string | undefined) =>
    joiner !== undefined || kept.includes(letter) ? letter : instead(letter),
  );
}

/** Text of others, with what is hidden in it made visible. Line breaks and tabs stay. */
export const visible = (text: string): string => replaced(text.replaceAll('\r\n', '\n'), '\n\t', shown);

/** The same where it has to stay within its line. */
export const inLine = (text: string): string => visible(text).replace(/[\n\t]/g, shown);

/** A line of ours, of which every value stays within it: line`${run.workflow} has ended`. */
export const line = (ours: TemplateStringsArray, ...values: readonly unknown[]): string =>
  String.raw({ raw: ours }, ...values.map((value) => inLine(String(value))));

/** JSON of the same value, in which nothing is hidden: as text for programs that a person may see. */
export const jsonText = (value: unknown, indent?: number): string => escapedJson(JSON.stringify(value, null, indent) ?? 'null');

const escapedJson = (json: string): string =>
  replaced(json, '\n\t', (letter) =>
    letter
      .split('')
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  );

/** Begins a colour of `paint`. It cannot be guessed from outside. */
const MARK = `\0${randomBytes(8).toString('hex')}:`;
const MARKS = new RegExp(`${MARK}(\\d+);`);

/** Text in a colour, by its number in ANSI X3.64. */
export const paint = (text: string, colour: number): string => `${MARK}${colour};${text}${MARK}0;`;

/** What is written for a text: its colours as such, everything else for the eye, and no secret. */
export const rendered = (text: string): string =>
  withoutSecrets(text)
    .split(MARKS)
    .map((piece, index) => (index % 2 === 1 ? `\u001b[${piece}m` : visible(piece)))
    .join('');

export const write = (text: string): void => void process.stdout.write(rendered(text));
export const print = (text: string): void => write(`${text}\n`);
export const printJson = (value: unknown, indent?: number): void => print(jsonText(value, indent));
/** Says something beside what was asked for: errors, and what is missing. */
export const warn = (text: string): void => void process.stderr.write(`${rendered(text)}\n`);

/** What of a log of JSON lines reaches a terminal. */
export function logTo(fd: 1 | 2): { write(entry: string): void } {
  const destination = pino.destination(fd);
  return { write: (entry) => void destination.write(escapedJson(entry)) };
}

/** The number of columns; in a pipe, as many as most terminals have. */
export const columns = (): number => Math.max(80, process.stdout.columns ?? (Number(process.env['COLUMNS']) || 120));
export const inColour = (): boolean => process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
/** Whether somebody sits there who can be asked. */
export const isAttended = (): boolean => process.stdin.isTTY === true && process.stdout.isTTY === true;

/** Asks the person at the terminal. */
export async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(rendered(`${question} [y/N] `));
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}
