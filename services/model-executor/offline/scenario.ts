/** The scenario file: what the offline model answers to what, in YAML. Read strictly, so that a typing error is found at the start and not as a wrong answer. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Json } from '@reel/contracts/envelope.ts';
import { patternOf } from '@reel/contracts/pattern.ts';
import { compile, templateExpressions } from '@reel/contracts/workflow/expression.ts';
import { didYouMean } from '@reel/contracts/workflow/nearest.ts';
import type { Finding, Path } from '@reel/contracts/workflow/place.ts';
import { ExpressionError } from '@reel/contracts/workflow/program.ts';
import { findingText, keepDigits } from '@reel/contracts/workflow/source.ts';
import { placeIn } from '@reel/contracts/workflow/text-place.ts';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

/** A scenario cannot be used; the message has a line for each thing that is wrong: file, place, field, value, what was expected. */
export class ScenarioError extends Error {}

/** What expressions may name. */
const SCOPE = ['request', 'match', 'attempt'];

/** A regular expression, searched for anywhere in the text; `.` also stands for a line break, `(?i:…)` ignores case. */
const Pattern = z.string().transform((text, context) => {
  try {
    return patternOf(text, 's');
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const Expression = z.string().superRefine((source, context) => complainOf(source, [], context));
const Template = Json.superRefine((template, context) => {
  for (const { path, source } of templateExpressions(template)) complainOf(source, path, context);
});

function complainOf(source: string, path: Path, context: z.core.$RefinementCtx): void {
  const complain = (message: string, offset?: number): void =>
    context.addIssue({ code: 'custom', message, path: [...path], params: { offset }, input: source });
  try {
    const { names } = compile(source).references;
    for (const name of names) {
      if (!SCOPE.includes(name)) complain(`there is no "${name}" to look at, only ${SCOPE.join(', ')}${didYouMean(name, SCOPE)}`);
    }
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    complain(error.reason, error.position);
  }
}

const Failing = z.strictObject({
  status: z.int().min(400).max(599),
  /** How often the same request fails before it is answered; always, when left out. */
  times: z.int().positive().optional(),
  retryAfterMs: z.int().min(0).optional(),
});

const Milliseconds = z.int().min(0).max(3_600_000).default(0);

const Reply = z
  .strictObject({
    /** Equals `task` of the request. */
    task: z.string().optional(),
    /** Paths into the request (`goal`, `input.city`, `steps.0.id`) and what is to be found there. Named groups become `match.<name>`. */
    match: z.record(z.string(), Pattern).default({}),
    /** Names that have to be among the request's `tools`. */
    tools: z.array(z.string()).default([]),
    /** Found in the system message. */
    prompt: Pattern.optional(),
    /** JSONata that has to be exactly true. */
    where: Expression.optional(),
    /** The request has to be this, whatever the order of its keys. */
    exactly: Json.optional(),
    /** The system message has to be this. */
    exactPrompt: z.string().optional(),
    /** The schema of the result that is asked for has to have this digest; `none`: no schema is asked for. */
    outputDigest: z.string().optional(),

    reply: Template.optional(),
    /** Sent as it is. */
    raw: z.string().optional(),
    refusal: z.string().optional(),
    finishReason: z.enum(['stop', 'length', 'content_filter']).default('stop'),
    /** Before anything is sent. */
    delayMs: Milliseconds,
    /** Between the pieces of a stream. */
    chunkMs: Milliseconds,
    fail: Failing.optional(),
  })
  .superRefine(({ reply, raw, refusal, fail, match }, context) => {
    const bodies = Object.entries({ reply, raw, refusal }).filter(([, body]) => body !== undefined);
    const needed = fail === undefined || fail.times !== undefined ? 1 : 0;
    if (bodies.length !== needed) {
      const found = bodies.length === 0 ? 'there is none' : `there is ${bodies.map(([name]) => name).join(' and ')}`;
      const wanted =
        needed === 1 ? 'exactly one of reply, raw and refusal has to be given' : 'what always fails has no reply, raw or refusal';
      context.addIssue({ code: 'custom', message: `${wanted}, and ${found}` });
    }
    const groups = new Map<string, string>();
    for (const [path, { source }] of Object.entries(match)) {
      for (const [, group] of source.matchAll(/\(\?<([A-Za-z_$][\w$]*)>/g)) {
        const other = groups.get(group as string);
        if (other !== undefined && other !== path)
          context.addIssue({ code: 'custom', path: ['match', path], message: `the group "${group}" is already taken from "${other}"` });
        groups.set(group as string, path);
      }
    }
  });

const ScenarioFile = z.strictObject({
  /** Told in the header of every answer. */
  name: z.string().regex(/^[\x21-\x7e]([\x20-\x7e]{0,98}[\x21-\x7e])?$/, 'it has to be 1 to 100 printable ASCII characters'),
  description: z.string().optional(),
  replies: z.array(Reply).min(1),
});

export type Reply = z.output<typeof Reply>;
/** A scenario with the base name of its file, which is how messages name it. */
export type Scenario = z.output<typeof ScenarioFile> & { readonly file: string };

const FIELDS = [...Object.keys(ScenarioFile.shape), ...Object.keys(Reply.shape), ...Object.keys(Failing.shape)];

/** Reads one scenario from YAML or JSON text (JSON is YAML). @param file how messages name it. @throws ScenarioError */
export function readScenario(text: string, file: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const refuse = (findings: readonly (Finding & { at: number })[]): never => {
    const told = findings.map(({ at, ...finding }) => {
      const { line, col } = lines.linePos(at);
      return findingText(file, { ...finding, line, column: col });
    });
    throw new ScenarioError(told.join('\n'));
  };
  if (document.errors.length > 0) return refuse(document.errors.map(({ message, pos }) => ({ path: [], message, at: pos[0] })));
  keepDigits(document);
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    return refuse([{ path: [], message: (error as Error).message, at: 0 }]);
  }
  const parsed = ScenarioFile.safeParse(value);
  if (parsed.success) return { ...parsed.data, file: basename(file) };
  const findings = parsed.error.issues.flatMap((issue) => findingsOf(issue, value));
  return refuse(findings.map((finding) => ({ ...finding, at: placeIn(document, text, finding) })));
}

function findingsOf(issue: z.core.$ZodIssue, value: unknown): Finding[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], message: `there is no field "${key}" here${didYouMean(key, FIELDS)}` }));
  const given = path.reduce<unknown>((inside, key) => (inside as { [key: string | number]: unknown } | null | undefined)?.[key], value);
  if (issue.code === 'custom') {
    const offset = issue.params?.['offset'] as number | undefined;
    const shown = typeof given === 'string' ? `, is ${short(given)}` : '';
    return [{ path, message: `${issue.message}${shown}`, ...(offset === undefined ? {} : { offset }) }];
  }
  if (given === undefined) return [{ path, message: 'it is missing' }];
  return [{ path, message: `${expected(issue)}, and is ${short(given)}` }];
}

function expected(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `it has to be of the type ${issue.expected}`;
  if (issue.code === 'invalid_value') return `it has to be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'too_small') return `it has to be at least ${issue.minimum}${issue.origin === 'array' ? ' long' : ''}`;
  if (issue.code === 'too_big') return `it has to be at most ${issue.maximum}`;
  return issue.message;
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** Reads the scenarios of a folder (`.yaml`, `.yml`, `.json`), in the order of their names. @throws ScenarioError with what is wrong in any of them. */
export async function readScenarios(folder: string): Promise<Scenario[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such folder' : error.message;
    throw new ScenarioError(`${folder}: ${why}; REEL_SCENARIOS has to name the folder of the scenario files`);
  });
  const wrong: string[] = [];
  const scenarios: Scenario[] = [];
  for (const name of names.filter((one) => /\.(ya?ml|json)$/.test(one)).sort()) {
    const file = join(folder, name);
    try {
      scenarios.push(readScenario(await readFile(file, 'utf8'), file));
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error;
      wrong.push(error.message);
    }
  }
  if (wrong.length > 0) throw new ScenarioError(wrong.join('\n'));
  return scenarios;
}
