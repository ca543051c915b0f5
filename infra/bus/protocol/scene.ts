/** For the tests: runs as they should be told, line by line, with who says each fact and what it answers; and ways to spoil them. */
import { ASKED, addressOf, type Place, parseAddress } from '@reel/contracts/address.ts';
import type { Draft, Event } from '@reel/contracts/envelope.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { digestOf } from '../digest.ts';
import { append, type Entry, emptyRunLog, isVoid } from '../history.ts';

/** A fact to be told. `answers`: `<kind>.<id>.<n>.<slot>`, by default the line before; `unreadable`: rubbish stands there instead. */
export type Line = { readonly draft: Draft; readonly by?: string; readonly answers?: string; readonly unreadable?: boolean };

export const START_MS = Date.UTC(2026, 0, 1);

const spotOf = ({ draft: { at, slot } }: Line): string => `${at.kind}.${at.id}.${at.n}.${slot}`;

/** Who says what in a Reel. */
function teller({ type, at }: Draft): string {
  const [about = '', slot = '', word = ''] = type.split('.');
  if (type === 'run.request.requested' || slot === 'control' || type === 'vote.request.cast') return 'gateway';
  if (slot === 'check') return 'validator';
  if (['timed-out', 'withdrawn', 'expired', 'due', 'left'].includes(word) || slot === 'turn') return 'saga-tracker';
  if (about === 'run' && slot === 'outcome') return 'saga-tracker';
  if (slot === 'verdict' || slot === 'ruling') return 'policy';
  if (slot === 'proposal' || slot === 'retry') return 'planner';
  if (slot === 'request') return about === 'undo' ? 'saga-tracker' : 'planner';
  if (about !== 'fault' && at.kind === 'model') return 'model-executor';
  return about === 'fault' ? at.id : at.kind === 'person' || at.kind === ASKED ? 'desk' : 'tool-executor';
}

/** The log of these lines, a second apart. A verdict without a question is about what was asked at its place. */
export function tell(lines: readonly Line[]): Entry[] {
  const log = emptyRunLog(0, 'R');
  const twice: Entry[] = [];
  const address = (spot: string): string => `reel.0.R.${spot}`;
  for (const [i, line] of lines.entries()) {
    const { draft, by = teller(draft), unreadable } = line;
    const at = { shard: 0, run: 'R', ...draft.at, slot: draft.slot };
    const cause = line.answers ?? (i === 0 ? spotOf(line) : spotOf(lines[i - 1] as Line));
    const definition = definitionOf(draft.type);
    const place = { address: addressOf(at), at, seq: i + 1, time: START_MS + (i + 1) * 1000 };
    const asked = ['request', 'proposal'].map((slot) => log.byAddress.get(addressOf({ ...at, slot }))).find((one) => one !== undefined);
    const given = draft.data as { question?: string };
    const question = asked === undefined || isVoid(asked) ? '' : digestOf(asked.data);
    const data = draft.slot === 'verdict' && given.question === '' ? { ...given, question } : given;
    const event: Event = {
      ...place,
      type: draft.type,
      source: by,
      cause: address(cause),
      data: definition === undefined ? data : definition.strict.parse(data),
    };
    const entry = unreadable ? { ...place, void: 'not JSON' } : event;
    if (log.byAddress.has(entry.address)) twice.push(entry);
    append(log, entry, definition?.after);
  }
  return [...log.entries, ...twice].sort((a, b) => a.seq - b.seq);
}

const at = (lines: readonly Line[], spot: string): number => {
  const found = lines.findIndex((line) => spotOf(line) === spot);
  if (found < 0) throw new Error(`nothing is told at ${spot}`);
  return found;
};

/** The same without what is told at these places; what answered it answers the line before. */
export const without =
  (...spots: string[]) =>
  (lines: readonly Line[]): Line[] =>
    lines
      .filter((line) => !spots.includes(spotOf(line)))
      .map(({ answers, ...line }) => (answers && spots.includes(answers) ? line : { ...line, ...(answers ? { answers } : {}) }));

/** The same with something changed in what is told at a place. */
export const changed =
  (spot: string, change: (line: Line) => Line) =>
  (lines: readonly Line[]): Line[] =>
    lines.with(at(lines, spot), change(lines[at(lines, spot)] as Line));

/** The same with other words in a fact. */
export const saying = (spot: string, data: object): ((lines: readonly Line[]) => Line[]) =>
  changed(spot, (line) => ({ ...line, draft: { ...line.draft, data: { ...(line.draft.data as object), ...data } } }));

/** The same with something more, right after what is told at a place. */
export const after =
  (spot: string, ...more: Line[]) =>
  (lines: readonly Line[]): Line[] =>
    lines.toSpliced(at(lines, spot) + 1, 0, ...more.map((line, i) => (i === 0 ? { answers: spot, ...line } : line)));

/** The same with what is told at `spot` moved to right after `to`. It answers what it answered. */
export const moved =
  (spot: string, to: string) =>
  (lines: readonly Line[]): Line[] => {
    const from = at(lines, spot);
    const answers = from === 0 ? spot : spotOf(lines[from - 1] as Line);
    const next = lines[from + 1];
    const line = { answers, ...(lines[from] as Line) };
    const rest = lines.toSpliced(from, next === undefined ? 1 : 2, ...(next === undefined ? [] : [{ answers: spot, ...next }]));
    return rest.toSpliced(at(rest, to) + 1, 0, line);
  };

/** One change after the other. */
export const both =
  (...changes: ((lines: readonly Line[]) => Line[])[]) =>
  (lines: readonly Line[]): Line[] =>
    changes.reduce<Line[]>((sofar, change) => change(sofar), [...lines]);

export const placed = (spot: string): Place => {
  const parts = parseAddress(`reel.0.R.${spot}.x`);
  if (parts === undefined) throw new Error(`"${spot}" is no place`);
  return { kind: parts.kind, id: parts.id, n: parts.n };
};
