/** A run for the eye: its facts in the order of the log, indented where one cause has several consequences. Pure text. */

import { parseAddress } from '@reel/contracts/address.ts';
import type { CloudEvent } from '@reel/gateway/shapes.ts';
import type { Told } from './api.ts';

const COLOURS = { good: 32, bad: 31, wait: 33, plain: 0, dim: 90 } as const;
type Colour = keyof typeof COLOURS;

const paint = (text: string, colour: Colour, inColour: boolean): string =>
  inColour && colour !== 'plain' ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;

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

/** Renders one fact after the other; remembers what it has seen, to tell who branched off from whom. */
export function storyTree(inColour: boolean): (told: Told) => string {
  const depths = new Map<string, { depth: number; children: number }>();
  let startMs: number | undefined;
  return (told) => {
    const timeMs = Date.parse(told.time);
    startMs ??= timeMs;
    const when = `+${((timeMs - startMs) / 1000).toFixed(3)}`.padStart(9);
    if ('void' in told) return `${when}  ${paint(`void ${told.address}: ${told.void}`, 'bad', inColour)}`;
    const depth = depthOf(told, depths);
    const [about, slot, last = ''] = told.type.split('.');
    const answer = slot === 'turn' ? `turned: ${last}` : last;
    const subject = about === 'run' || about === 'plan' || about === 'answer' ? (about as string) : placeOf(told);
    const branch = depth === 0 ? '' : `${'│ '.repeat(depth - 1)}├ `;
    const fact = `${branch}${subject} ${paint(answer, MOOD[last] ?? 'plain', inColour)}`;
    const width = 44 + fact.length - `${branch}${subject} ${answer}`.length;
    return `${when}  ${paint(told.source.padEnd(14), 'dim', inColour)}  ${fact.padEnd(width)} ${paint(gist(told), 'dim', inColour)}`.trimEnd();
  };
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
  return at.kind.startsWith('undo-') ? `undo ${at.id}${attempt}` : `${at.id}${attempt}`;
}

const short = (value: unknown, length = 96): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
};

/** What matters of a fact, in few words. */
export function gist({ data }: CloudEvent): string {
  // biome-ignore lint/suspicious/noExplicitAny: facts of every type pass here, those of later versions too
  const d = data as { [field: string]: any };
  if (d['problem'] !== undefined) return short(d['problem'].message, 160);
  if (d['call'] !== undefined) return callGist(d['call']);
  if (d['output'] !== undefined) return short(d['output']);
  if (d['answer'] !== undefined) return short(d['answer'], 160);
  if (d['prompt'] !== undefined) return short(d['prompt'], 160);
  if (d['who'] !== undefined) return `${d['who']}: ${d['why'] ?? ''}${d['form'] === undefined ? '' : ` ${short(d['form'])}`}`;
  if (d['goal'] !== undefined) return `"${short(d['goal'].text, 160)}"`;
  if (d['workflow'] !== undefined) return `${d['workflow'].name} ${short(d['input'])}`;
  if (d['plan'] !== undefined)
    return `${d['plan'].steps.length} steps: ${short(d['plan'].steps.map(({ id }: { id: string }) => id).join(', '))}`;
  if (d['when'] !== undefined) return `because not: ${short(d['when'])}`;
  if (d['policies'] !== undefined) return short(d['policies'].join(', '));
  return '';
}

/** A planner's question to a model carries every tool there is: its task says more. */
function callGist({ uses, arguments: args, routing }: { uses: string; arguments: { [name: string]: unknown }; routing?: string }): string {
  const { task, errors, reasons } = args as { task?: string; errors?: unknown; reasons?: unknown };
  if (routing === undefined) return `${uses} ${short(args)}`;
  const why = errors ?? reasons;
  return `${uses} (${routing}): ${task === undefined ? short(args) : task}${why === undefined ? '' : ` because ${short(why)}`}`;
}
