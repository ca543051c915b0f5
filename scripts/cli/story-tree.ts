/** A run for the eye: its facts in the order of the log, indented where one cause has several consequences. Pure text. */

import { inLine, paint } from '@reel/bus/process/terminal.ts';
import { ASKED, parseAddress } from '@reel/contracts/address.ts';
import type { CloudEvent } from '@reel/gateway/shapes.ts';
import type { Told } from './api.ts';
import { counted, cut, folded } from './table.ts';

const COLOURS = { good: 32, bad: 31, wait: 33, plain: 0, dim: 90 } as const;
type Colour = keyof typeof COLOURS;

const painted = (text: string, colour: Colour, inColour: boolean): string =>
  inColour && colour !== 'plain' ? paint(text, COLOURS[colour]) : text;

const MOOD: Record<string, Colour> = {
  succeeded: 'good',
  accepted: 'good',
  completed: 'good',
  granted: 'good',
  held: 'wait',
  postponed: 'wait',
  failed: 'bad',
  denied: 'bad',
  refused: 'bad',
  rejected: 'bad',
  abandoned: 'bad',
  unknown: 'bad',
  'timed-out': 'bad',
  stranded: 'bad',
  failing: 'bad',
  cancelling: 'bad',
  exhausted: 'bad',
  raised: 'bad',
  left: 'bad',
  expired: 'bad',
  cancelled: 'bad',
};

/** Why something went wrong, and what is asked of a person, is worth more than a line. */
const WHOLE: ReadonlySet<Colour> = new Set(['bad', 'wait']);
/** When and who, before what was said. */
const MARGIN = 27;
const FACT = 30;
/** However narrow the terminal, the gist gets this much. */
const NARROWEST = 24;

/**
 * Renders one fact after the other, in lines of at most `width`; remembers what it has seen, to tell who branched off from whom.
 * A line is enough for most facts; what went wrong and what is asked of people is told whole, the first time.
 */
export function storyTree(inColour: boolean, width: number): (told: Told) => string {
  const depths = new Map<string, { depth: number; children: number }>();
  const explained = new Set<string>();
  let startMs: number | undefined;
  return (told) => {
    const timeMs = Date.parse(told.time);
    startMs ??= timeMs;
    const when = `+${((timeMs - startMs) / 1000).toFixed(3)}`.padStart(9);
    if ('invalid' in told) return `${when}  ${painted(cut(`void ${told.address}: ${told.invalid}`, width - 11), 'bad', inColour)}`;
    const depth = depthOf(told, depths);
    const branch = depth === 0 ? '' : `${'│ '.repeat(depth - 1)}├ `;
    const { subject, answer, mood } = factOf(told);
    const head = `${when}  ${painted(inLine(told.source).padEnd(14), 'dim', inColour)}  ${branch}${subject} ${painted(answer, mood, inColour)}`;
    const text = gist(told);
    if (text === '') return head;
    const length = `${branch}${subject} ${answer}`.length;
    const column = MARGIN + Math.max(FACT, length) + 1;
    const room = Math.max(NARROWEST, width - column);
    const lines = WHOLE.has(mood) && !explained.has(text) ? folded(text, room) : [cut(text, room)];
    explained.add(text);
    const gap = ' '.repeat(column - MARGIN - length);
    return `${head}${gap}${lines.map((line) => painted(line, 'dim', inColour)).join(`\n${' '.repeat(column)}`)}`;
  };
}

/** What was said of what, and whether that is good. */
function factOf(told: CloudEvent): { subject: string; answer: string; mood: Colour } {
  const [about = '', slot, last = ''] = told.type.split('.');
  const subject = ['run', 'plan', 'answer'].includes(about) ? about : placeOf(told);
  return { subject: inLine(subject), answer: inLine(slot === 'closing' ? `closing: ${last}` : last), mood: MOOD[last] ?? 'plain' };
}

/** The first consequence of a fact goes on in its line; the others branch off. */
function depthOf(told: CloudEvent, depths: Map<string, { depth: number; children: number }>): number {
  const cause = told.causationid === told.id ? undefined : depths.get(told.causationid);
  const depth = cause === undefined ? 0 : cause.depth + (cause.children > 0 ? 1 : 0);
  // A start is a word in between: the outcome answers the same verdict, and goes on in its line.
  if (cause !== undefined && !told.type.includes('.start.')) cause.children += 1;
  depths.set(told.id, { depth: Math.min(depth, 8), children: 0 });
  return Math.min(depth, 8);
}

function placeOf({ id }: CloudEvent): string {
  const at = parseAddress(id);
  if (at === undefined) return id;
  const attempt = at.n > 1 ? ` (${at.n})` : '';
  if (at.kind === ASKED) return `question about ${at.id}${attempt}`;
  return at.kind.startsWith('undo-') ? `undo ${at.id}${attempt}` : `${at.id}${attempt}`;
}

/** More than this is for `--json`. */
const LONGEST = 600;

const short = (value: unknown): string => cut(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), LONGEST);

/** What matters of a fact, in few words. */
function gist({ data }: CloudEvent): string {
  // biome-ignore lint/suspicious/noExplicitAny: facts of every type pass here, those of later versions too
  const d = data as { [field: string]: any };
  if (d['problem'] !== undefined) return short(d['problem'].message);
  if (d['warnings'] !== undefined) return `warning: ${d['warnings'].map(short).join('; ')}`;
  if (d['call'] !== undefined) return callGist(d['call']);
  if (d['output'] !== undefined) return short(d['output']);
  if (d['answer'] !== undefined) return short(d['answer']);
  if (d['prompt'] !== undefined) return short(d['prompt']);
  if (d['who'] !== undefined) return short(`${d['who']}: ${d['why'] ?? ''}${d['form'] === undefined ? '' : ` ${short(d['form'])}`}`);
  if (d['goal'] !== undefined) return `"${short(d['goal'].text)}"`;
  if (d['workflow'] !== undefined) return `${d['workflow'].name} ${short(d['input'])}`;
  if (d['plan'] !== undefined)
    return `${counted(d['plan'].steps.length, 'step')}: ${d['plan'].steps.map(({ id }: { id: string }) => id).join(', ')}`;
  if (d['when'] !== undefined) return `because not: ${short(d['when'])}`;
  if (d['policies'] !== undefined) return d['policies'].join(', ');
  return '';
}

/** A planner's question to a model carries every tool there is: its task says more. */
function callGist({ uses, arguments: args, routing }: { uses: string; arguments: { [name: string]: unknown }; routing?: string }): string {
  const { task, errors, reasons } = args as { task?: string; errors?: unknown; reasons?: unknown };
  if (routing === undefined) return `${uses} ${short(args)}`;
  const why = errors ?? reasons;
  const because = why === undefined ? '' : ` because ${Array.isArray(why) ? why.map(short).join('; ') : short(why)}`;
  return `${uses} (${routing}): ${task === undefined ? short(args) : task}${because}`;
}
