/** Looks through a value for what should not get out: names what was found and where, and never the found text itself. */
import type { Json } from '@reel/contracts/envelope.ts';
import { cardNumbersIn } from './card-number.ts';
import { personalDataIn } from './personal-data.ts';
import { readable, wordsOf } from './readable.ts';
import { secretsIn } from './secret.ts';

/**
 * What is looked for. A detector counts what it finds in a text. `label` is the name of the member in which the text stands, in lower-case
 * words: '' where there is none.
 */
export const detectors = { 'card-number': cardNumbersIn, secret: secretsIn, 'personal-data': personalDataIn } as const;
export type Detector = keyof typeof detectors;

/** So many of them at that place: a JSON pointer, with `*` for the name of a member that itself tells what was found. */
export type Finding = { readonly detector: Detector; readonly at: string; readonly count: number };

/** How many places a sentence names. */
const TOLD = 8;
const LONGEST_NAME = 64;

type Place = { readonly value: Json; readonly at: string; readonly label: string };

/** Everything that is found in the texts, whole numbers and members' names of a value, in the order of the value. */
export function findingsIn(value: Json): Finding[] {
  const findings: Finding[] = [];
  // A stack of its own: what is judged may be nested deeper than calls can be.
  const waiting: Place[] = [{ value, at: '', label: '' }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const { value: here, at, label } = place;
    if (here !== null && typeof here === 'object') {
      const members = Array.isArray(here) ? here.map((one, k) => ({ value: one, at: `${at}/${k}`, label })) : membersOf(here, at, findings);
      for (const member of members.reverse()) waiting.push(member);
    } else if (typeof here === 'string') {
      findings.push(...findingsInText(here, label, at));
    } else if (typeof here === 'number' && Number.isInteger(here)) {
      const count = cardNumbersIn(readable(String(here)));
      if (count > 0) findings.push({ detector: 'card-number', at, count });
    }
  }
  return findings;
}

function membersOf(record: { readonly [name: string]: Json }, at: string, findings: Finding[]): Place[] {
  return Object.entries(record).map(([name, value]) => {
    const inName = findingsInText(name, '', `${at}/*`);
    findings.push(...inName);
    const segment = inName.length > 0 || name.length > LONGEST_NAME ? '*' : name.replaceAll('~', '~0').replaceAll('/', '~1');
    return { value, at: `${at}/${segment}`, label: wordsOf(name) };
  });
}

function findingsInText(text: string, label: string, at: string): Finding[] {
  const plain = readable(text);
  return Object.entries(detectors).flatMap(([name, countIn]) => {
    const count = countIn(plain, label);
    return count > 0 ? [{ detector: name as Detector, at, count }] : [];
  });
}

/** The names of the detectors that found something, each once. */
export const namesOf = (findings: readonly Finding[]): Detector[] => [...new Set(findings.map(({ detector }) => detector))];

/** Where what was found, in words. */
export function toldOf(findings: readonly Finding[]): string {
  const places = findings.map(
    ({ detector, at, count }) => `${count > 1 ? `${count} times ` : ''}${detector} at ${at === '' ? 'the top' : at}`,
  );
  const more = places.length > TOLD ? [`and at ${places.length - TOLD} more places`] : [];
  return [...places.slice(0, TOLD), ...more].join(', ');
}
