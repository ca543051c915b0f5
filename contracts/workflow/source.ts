/** Workflows as people write them: YAML or JSON text, read with the place of everything, so that what is wrong can be pointed at. */
import { type Document, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { brief } from '../brief.ts';
import { nextTurn } from '../event-loop.ts';
import { digitsInYaml } from '../exact-json.ts';
import type { ModelDefinition } from '../model.ts';
import { checkWorkflow } from './check.ts';
import { StrictWorkflow, type Workflow } from './format.ts';
import { didYouMean } from './nearest.ts';
import { type Examination, type Finding, type Path, pathText } from './place.ts';
import { placeIn } from './text-place.ts';
import type { Tools } from './tool-check.ts';

/** A finding with its place in the text; lines and columns count from 1. */
export type Placed = Finding & { readonly line?: number; readonly column?: number };

export type Read =
  | { readonly workflow: Workflow; readonly findings: readonly [] }
  | { readonly workflow?: undefined; readonly findings: readonly Placed[] };

/** Of more findings than this the rest is not looked for: finding out what was meant takes longer than reading what was written. */
const MOST = 200;
/** What finding out what was meant counts for, in characters looked at. */
const FINDING = 10_000;

/** Characters looked at between two breaks. */
const SLICE = 20_000;

type Means = Parameters<typeof checkWorkflow>[1];
type Reading = { readonly value: unknown; readonly place: (finding: Finding) => Placed } | { readonly findings: readonly Placed[] };

/**
 * Reads a workflow from YAML or JSON text (JSON is YAML) or from a parsed object, and checks it.
 * @param tools the tools there are; without them their names and arguments are not checked.
 * @param kinds the kinds of steps that somebody performs; without them any kind will do.
 * @param models the models there are; without them any will do.
 */
export function readWorkflow(
  source: string | object,
  tools?: Tools,
  kinds?: ReadonlySet<string>,
  models?: readonly ModelDefinition[],
): Read {
  return readWorkflowWith(source, { tools, kinds, models });
}

export function readWorkflowWith(source: string | object, means: NonNullable<Means>): Read {
  const reading = valueIn(source);
  if ('findings' in reading) return reading;
  const judging = judge(reading.value, means, reading.place);
  for (;;) {
    const { done, value } = judging.next();
    if (done) return value;
  }
}

/** The same, letting others have a turn now and then: what others send may take long to look through. */
export async function readWorkflowInTurns(source: string | object, means: NonNullable<Means>): Promise<Read> {
  const reading = valueIn(source);
  if ('findings' in reading) return reading;
  const judging = judge(reading.value, means, reading.place);
  let since = 0;
  for (;;) {
    const { done, value } = judging.next();
    if (done) return value;
    since += value;
    if (since < SLICE) continue;
    since = 0;
    await nextTurn();
  }
}

function valueIn(source: string | object): Reading {
  if (typeof source !== 'string') return { value: source, place: (finding) => finding };
  const lines = new LineCounter();
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  // One slip has many consequences: the first is the one to mend.
  const [slip] = document.errors;
  if (slip !== undefined) return { findings: [{ path: [], message: `${slip.message}${hintAt(source, slip.pos[0])}`, ...at(slip.pos[0]) }] };
  const wrong = misread(document);
  if (wrong.length > 0) return { findings: firstOf(wrong.map(({ message, offset }) => ({ path: [], message, ...at(offset) }))) };
  keepDigits(document);
  const value = unfold(document);
  if (value instanceof Error) return { findings: [{ path: [], message: value.message, line: 1, column: 1 }] };
  return { value, place: (finding) => ({ ...finding, ...at(placeIn(document, source, finding)) }) };
}

/** An expression in braces or brackets that has some of its own is the usual slip. */
function hintAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1).split('\n', 1)[0] ?? '';
  return /[{[,:]\s*=\s/.test(line)
    ? '; an expression within { } or [ ] that has brackets, braces, commas or ": " stands in quotes: "= …"'
    : '';
}

/** Numbers that no double carries are what is written, as in JSON. @returns them, and where they stand. */
export function keepDigits(document: Document): { readonly digits: string; readonly offset: number }[] {
  const kept: { digits: string; offset: number }[] = [];
  visit(document, {
    Scalar: (_, node) => {
      const { value, source } = node;
      if (typeof value !== 'number' || source === undefined) return;
      node.value = digitsInYaml(source, value) ?? value;
      if (node.value !== value) kept.push({ digits: source, offset: node.range?.[0] ?? 0 });
    },
  });
  return kept;
}

/** Keys that stand twice in the same map, since YAML's own check compares every key with every other; and what has no end. */
function misread(document: Document): { message: string; offset: number }[] {
  const found: { message: string; offset: number }[] = [];
  visit(document, {
    Alias: (_, { source, range }, path) => {
      if (path.some((node) => isNode(node) && 'anchor' in node && node.anchor === source))
        found.push({
          message: `it refers to itself (the alias *${source} inside of its own anchor): write it out`,
          offset: range?.[0] ?? 0,
        });
    },
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) found.push({ message: 'Map keys must be unique', offset: key.range?.[0] ?? 0 });
        seen.add(key.value);
      }
    },
  });
  return found;
}

/** An alias that leads nowhere, or a few that would unfold to millions, come to light only here. */
function unfold(document: Document): unknown {
  try {
    return document.toJS();
  } catch (error) {
    return error;
  }
}

function firstOf(findings: readonly Placed[]): readonly Placed[] {
  if (findings.length <= MOST) return findings;
  return [...findings.slice(0, MOST), { path: [], message: `and more: only the first ${MOST} things that are wrong are told` }];
}

/** What comes of it; meanwhile, how much was looked at. */
function* judge(value: unknown, means: Means, place: (finding: Finding) => Placed): Generator<number, Read, undefined> {
  const large = oversized(value);
  if (large !== undefined) return { findings: [place(large)] };
  const parsed = StrictWorkflow.safeParse(value);
  const findings: Finding[] = [];
  const examination = parsed.success ? checkWorkflow(parsed.data, means) : misshapen(parsed.error.issues, value);
  for (const found of examination) {
    if (typeof found === 'number') yield found;
    else {
      findings.push(found);
      yield FINDING;
    }
    if (findings.length > MOST) break;
  }
  return parsed.success && findings.length === 0 ? { workflow: parsed.data, findings: [] } : { findings: firstOf(findings.map(place)) };
}

/** What a workflow may have in all, so that looking through it does not take long: steps (as the format says), and what they wait for. */
const LARGEST = { steps: 5_000, fields: 64, elements: 5_000, dependencies: 20_000 };

/** What makes a workflow too large to be looked at more closely. */
export function oversized(workflow: unknown): Finding | undefined {
  const { steps } = (workflow ?? {}) as { steps?: unknown };
  let dependencies = 0;
  const look = (value: unknown, path: Path): Finding | undefined => {
    if (typeof value !== 'object' || value === null) return undefined;
    const fields = Object.entries(value);
    if (fields.length > LARGEST.fields) return { path, message: `it has ${fields.length} fields, and may have ${LARGEST.fields}` };
    for (const [name, inside] of fields) {
      if (!Array.isArray(inside) || name === 'steps') continue;
      if (name === 'dependsOn') dependencies += inside.length;
      const message = `it has ${inside.length} elements, and may have ${LARGEST.elements}`;
      if (inside.length > LARGEST.elements) return { path: [...path, name], message };
    }
    return undefined;
  };
  const large = look(workflow, []);
  if (large !== undefined || !Array.isArray(steps)) return large;
  if (steps.length > LARGEST.steps) return { path: ['steps'], message: `it has ${steps.length} steps, and may have ${LARGEST.steps}` };
  for (const [index, step] of steps.entries()) {
    const found = look(step, ['steps', index]) ?? look((step as { fallback?: unknown } | null)?.fallback, ['steps', index, 'fallback']);
    if (found !== undefined) return found;
  }
  if (dependencies <= LARGEST.dependencies) return undefined;
  return {
    path: ['steps'],
    message: `its steps wait for ${dependencies} others in all, and may for ${LARGEST.dependencies}: leave out what follows`,
  };
}

const STEP = StrictWorkflow.shape.steps.element.shape;
const FIELDS = [...Object.keys(StrictWorkflow.shape), ...Object.keys(STEP), 'attempts', 'delayMs', 'value', 'schema'];

function* misshapen(issues: readonly z.core.$ZodIssue[], value: unknown): Examination {
  for (const issue of issues) {
    const path = issue.path as Path;
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) yield { path: [...path, key], message: `there is no field "${key}" here${didYouMean(key, FIELDS)}` };
      continue;
    }
    const given = valueAt(value, path);
    yield { path, message: given === undefined ? 'it is missing' : `${expected(issue)}, and is ${brief(given)}` };
  }
}

const NOUNS: { readonly [type: string]: string } = {
  string: 'a text',
  int: 'a whole number',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `it has to be ${NOUNS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `it has to be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return issue.message;
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' elements' : '';
  const sense = issue.code === 'too_small' ? 'at least' : 'at most';
  return issue.inclusive === false ? `it has to be more than ${limit}${unit}` : `it has to be ${sense} ${limit}${unit}`;
}

function valueAt(value: unknown, path: Path): unknown {
  let inside: unknown = value;
  for (const key of path) {
    if (typeof inside !== 'object' || inside === null) return undefined;
    inside = (inside as { [key: string | number]: unknown })[key];
  }
  return inside;
}

/** One finding as a line: `travel.yaml:12:7 steps[2].dependsOn[0]: there is no step "serch"; did you mean "search"?` */
export function findingText(file: string, { path, message, line, column }: Placed): string {
  const where = line === undefined ? file : `${file}:${line}:${column}`;
  return path.length === 0 ? `${where} ${message}` : `${where} ${pathText(path)}: ${message}`;
}
