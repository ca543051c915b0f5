/** Problems as they may be told to everybody: what they say about the inside of a machine or a network is left out. */
import type { Problem } from '@reel/contracts/envelope.ts';

const LONGEST = 2000;
const ADDRESS = '(an address)';
const FILE = '(a file)';

const STACK = /\n[ \t]{1,40}at .*/g;
const URL_LIKE = /[a-z][a-z0-9+.-]{0,31}:\/\/[^\s"'<>)\];,]+/gi;
/** In this order, and after the URLs: what comes later would cut into what comes before. */
const INTERNALS: readonly [pattern: RegExp, instead: string][] = [
  [/(?<![\w:])\[?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}\]?:\d{2,5}\b/gi, ADDRESS],
  [/\b(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,16}):\d{2,5}\b/gi, ADDRESS],
  [/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, ADDRESS],
  [/(?<![\w:/.])\/(?:home|root|usr|var|tmp|opt|etc|srv|mnt|app|work|private|Users|proc|run|data)(?:\/[^\s"'<>:,;)\]]*)?/g, FILE],
  [/\b[A-Z]:\\[^\s"'<>:,;)\]]+/g, FILE],
];

/** The same problem, to be told. */
export function redact(problem: Problem): Problem {
  const message = redactText(problem.message);
  return message === problem.message ? problem : { ...problem, message };
}

/** Characters that are looked through: what is left out of them leaves enough for what is told. */
const LOOKED_THROUGH = 4 * LONGEST;

/** The same text without stack traces, addresses of machines and paths of files, and not longer than anybody reads. */
export function redactText(text: string): string {
  const begun = text.length > LOOKED_THROUGH ? whole(text.slice(0, LOOKED_THROUGH)) : text;
  const plain = begun.replace(STACK, '').replace(URL_LIKE, (url) => (isPublicPage(url) ? url : url.startsWith('file:') ? FILE : ADDRESS));
  const told = INTERNALS.reduce((left, [pattern, instead]) => left.replace(pattern, instead), plain);
  const isCut = told.length > LONGEST || begun !== text;
  return isCut ? `${told.slice(0, LONGEST - 1)}…` : told;
}

/**
 * Without the word that was cut through: half an address or half a path would not be known for what it is. A word of this length is
 * neither, and there is more of it than is told.
 */
function whole(text: string): string {
  let end = text.length;
  while (end > 0 && !/\s/.test(text[end - 1] as string)) end -= 1;
  return end > 0 ? text.slice(0, end) : text;
}

/** A page of the web, by name and without a port or a password, may be what a problem is about. */
function isPublicPage(url: string): boolean {
  const host = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '';
  return /^[a-z0-9-]+(\.[a-z0-9-]+)*\.(?!local$|internal$|svc$|cluster$)[a-z]{2,}$/i.test(host);
}
