/** Workflows as people write them: YAML or JSON text, read with the place of everything, so that what is wrong can be pointed at. */
import { type Document, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { ModelDefinition } from '../model.ts';
import { checkWorkflow } from './check.ts';
import { StrictWorkflow, type Workflow } from './format.ts';
import { didYouMean } from './nearest.ts';
import { type Finding, type Path, pathText } from './place.ts';
import { placeIn } from './text-place.ts';
import type { Tools } from './tool-check.ts';

/** A finding with its place in the text; lines and columns count from 1. */
export type Placed = Finding & { readonly line?: number; readonly column?: number };

export type Read =
  | { readonly workflow: Workflow; readonly findings: readonly [] }
  | { readonly workflow?: undefined; readonly findings: readonly Placed[] };

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
  const means = { tools, kinds, models };
  if (typeof source !== 'string') return judge(source, means, (finding) => finding);
  const lines = new LineCounter();
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) return { findings: document.errors.map(({ message, pos }) => ({ path: [], message, ...at(pos[0]) })) };
  const value = unfold(document);
  if (value instanceof Error) return { findings: [{ path: [], message: value.message, line: 1, column: 1 }] };
  return judge(value, means, (finding) => ({ ...finding, ...at(placeIn(document, source, finding)) }));
}

/** An alias that leads nowhere, or a few that would unfold to millions, come to light only here. */
function unfold(document: Document): unknown {
  try {
    return document.toJS();
  } catch (error) {
    return error;
  }
}

function judge(value: unknown, means: Parameters<typeof checkWorkflow>[1], place: (finding: Finding) => Placed): Read {
  const parsed = StrictWorkflow.safeParse(value);
  const findings = parsed.success ? checkWorkflow(parsed.data, means) : parsed.error.issues.flatMap((issue) => misshapen(issue, value));
  return parsed.success && findings.length === 0 ? { workflow: parsed.data, findings: [] } : { findings: findings.map(place) };
}

const STEP = StrictWorkflow.shape.steps.element.shape;
const FIELDS = [...Object.keys(StrictWorkflow.shape), ...Object.keys(STEP), 'attempts', 'delayMs', 'value', 'schema'];

function misshapen(issue: z.core.$ZodIssue, value: unknown): Finding[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], message: `there is no field "${key}" here${didYouMean(key, FIELDS)}` }));
  }
  const given = valueAt(value, path);
  if (given === undefined) return [{ path, message: 'it is missing' }];
  const text = shown(given);
  return [{ path, message: `${expected(issue)}, and is ${text.length > 80 ? `${text.slice(0, 79)}…` : text}` }];
}

/** An alias may make a value part of itself. */
function shown(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return 'something that refers to itself';
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
