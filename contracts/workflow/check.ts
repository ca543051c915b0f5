/** What can be wrong with a workflow before it runs: its graph, its expressions, its schemas, the tools it names. Each with its place. */
import { isStepKind } from '../address.ts';
import type { Json, JsonSchema } from '../envelope.ts';
import type { ModelDefinition } from '../model.ts';
import { compileSchema } from '../schema.ts';
import type { PlannedAttempt } from './attempt.ts';
import { compile, type Expression, templateExpressions } from './expression.ts';
import { readingOf } from './fields.ts';
import type { Workflow, WorkflowStep } from './format.ts';
import { ancestorsOf, type Graph, graphOf } from './graph.ts';
import { checkDependencies, checkIds } from './graph-check.ts';
import { type Known, knownIn, type Own, ownOf } from './known.ts';
import { didYouMean } from './nearest.ts';
import type { Examination, Finding, Path } from './place.ts';
import { ExpressionError } from './program.ts';
import { candidatesFor, wanted } from './route.ts';
import { shapeOf } from './shape.ts';
import { checkTool, type Refused, type Tools } from './tool-check.ts';

/** What there is to carry out a workflow with. What is left out is not checked. */
export type Capabilities = {
  readonly tools?: Tools | undefined;
  readonly kinds?: ReadonlySet<string> | undefined;
  readonly models?: readonly ModelDefinition[] | undefined;
  readonly refused?: Refused | undefined;
};

/** What compiling a schema counts for, in characters looked at. */
const SCHEMA = 4_000;

/** Everything that is wrong with a workflow; nothing when it can be carried out. */
export function* checkWorkflow(workflow: Workflow, means: Capabilities = {}): Examination {
  const graph = graphOf(workflow);
  const known = knownIn(workflow, (name) => means.tools?.get(name));
  yield* checkIds(workflow);
  yield* checkDependencies(workflow, graph);
  if (workflow.input !== undefined) yield* checkSchema(workflow.input, ['input']);
  for (const [index, step] of workflow.steps.entries())
    yield* checkStep(step, ['steps', index], { graph, names: IN_TEMPLATES, known }, means);
  const { answer } = workflow;
  if (answer === undefined) return;
  const place: Standpoint = { graph, names: IN_TEMPLATES, known };
  yield* checkTemplate(answer.value, ['answer', 'value'], place);
  yield* checkAsserts(answer.assert, ['answer', 'assert'], { ...place, own: { result: shapeOf(answer.schema) } });
  if (answer.schema !== undefined) yield* checkSchema(answer.schema, ['answer', 'schema']);
}

const IN_TEMPLATES = ['input', 'steps'];
const IN_ASSERTIONS = [...IN_TEMPLATES, 'result'];
const IN_COMPENSATIONS = [...IN_ASSERTIONS, 'arguments'];

/**
 * From where an expression looks: the step it belongs to (none for the answer, which sees every step), what is over before that, and the
 * names it may use.
 */
type Standpoint = {
  readonly graph: Graph;
  readonly step?: WorkflowStep;
  readonly before?: () => ReadonlySet<string>;
  readonly names: readonly string[];
  /** What is known of what it names. */
  readonly known: Known;
  /** Whose result and arguments it may name. */
  readonly own?: Own;
};

function* checkStep(step: WorkflowStep, path: Path, everywhere: Standpoint, means: Capabilities): Examination {
  const { graph } = everywhere;
  let ancestors: ReadonlySet<string> | undefined;
  const before = (): ReadonlySet<string> => {
    ancestors ??= ancestorsOf(graph, step.id);
    return ancestors;
  };
  const place = { ...everywhere, step, before };
  yield* checkAttempt(step, path, place, means);
  if (step.when !== undefined) yield* checkExpression(String(step.when), [...path, 'when'], place);
  if (step.fallback !== undefined) yield* checkAttempt(step.fallback, [...path, 'fallback'], place, means);
  // Who comes before it was looked up in the whole graph.
  yield 50 + (ancestors?.size ?? 0);
}

function* checkAttempt(
  attempt: PlannedAttempt,
  path: Path,
  place: Standpoint,
  { tools, kinds, models, refused }: Capabilities,
): Examination {
  const { kind, form, prompt, compensate, output } = attempt;
  yield* checkKind(attempt, path, kinds);
  if (kind === 'tool') yield* checkTool(attempt, path, tools, refused);
  if (kind === 'model') yield* checkModel(attempt, path, models);
  yield* checkTemplate(attempt.with, [...path, 'with'], place);
  if (prompt !== undefined) yield* checkTemplate(prompt, [...path, 'prompt'], place);
  if (form !== undefined) {
    yield* checkTemplate(form, [...path, 'form'], place);
    // What has yet to be filled in is a schema only then.
    if (templateExpressions(form).length === 0) yield* checkSchema(form, [...path, 'form']);
  }
  const own = { ...place, own: ownOf(attempt, (name) => tools?.get(name)) };
  yield* checkAsserts(attempt.assert, [...path, 'assert'], own);
  if (compensate !== undefined) {
    yield* checkTemplate(compensate.with, [...path, 'compensate', 'with'], { ...own, names: IN_COMPENSATIONS });
  }
  if (output !== undefined) yield* checkSchema(output, [...path, 'output']);
}

function checkKind(
  { kind, form, prompt, effect, compensate, needs }: PlannedAttempt,
  path: Path,
  kinds: ReadonlySet<string> | undefined,
): Finding[] {
  const findings: Finding[] = [];
  const say = (field: string, message: string): number => findings.push({ path: field === '' ? path : [...path, field], message });
  if (!isStepKind(kind)) say('kind', `"${kind}" is reserved: kinds are tool, model, person, or what a performer of your own has taken`);
  else if (kinds !== undefined && !kinds.has(kind)) say('kind', `nobody performs steps of kind "${kind}"${didYouMean(kind, kinds)}`);
  if (kind === 'person') {
    if (prompt === undefined) say('', 'a step for a person needs a "prompt": the question it is asked');
    if (form === undefined) say('', 'a step for a person needs a "form": the JSON Schema of the answer');
    if (effect !== undefined) say('effect', 'asking a person has no effect');
    if (compensate !== undefined) say('compensate', 'asking a person has no effect: there is nothing to undo');
  } else {
    if (kind === 'tool' && prompt !== undefined) say('prompt', 'only a step of kind "person" or "model" is asked something');
    if (kind !== 'model' && needs !== undefined) say('needs', 'only a step of kind "model" chooses by what it needs');
    if ((kind === 'tool' || kind === 'model') && form !== undefined) say('form', 'only a step of kind "person" has something to fill in');
    if (effect === 'read-only' && compensate !== undefined) say('compensate', 'it is read-only: there is nothing to undo');
  }
  return findings;
}

function checkModel({ prompt, effect, compensate, ...wants }: PlannedAttempt, path: Path, models: Capabilities['models']): Finding[] {
  const findings: Finding[] = [];
  if (prompt === undefined)
    findings.push({ path, message: 'a step for a model needs a "prompt": what it is to do with what "with" gives it' });
  if (effect !== undefined) findings.push({ path: [...path, 'effect'], message: 'asking a model has no effect' });
  if (compensate !== undefined)
    findings.push({ path: [...path, 'compensate'], message: 'asking a model has no effect: there is nothing to undo' });
  if (models === undefined || candidatesFor(wants, models).length > 0) return findings;
  const there = models.map(({ name, price, capabilities }) => `${name} (${[price, ...capabilities].join(', ')})`).join('; ');
  const field = wants.uses !== '' ? 'uses' : 'needs';
  const message = `there is no model ${wanted(wants)}; there ${models.length === 0 ? 'is none at all: is the model-executor running?' : `are: ${there}`}`;
  return [...findings, { path: [...path, field], message }];
}

/** Expressions that one template may have: they are compiled at once when it is filled in. */
const MOST = 500;

function* checkTemplate(template: Json, path: Path, place: Standpoint): Examination {
  const expressions = templateExpressions(template);
  if (expressions.length > MOST) {
    yield { path, message: `it has ${expressions.length} expressions, and may have ${MOST}: let one give a whole object or list` };
    return;
  }
  for (const { path: inside, source } of expressions) yield* checkExpression(source, [...path, ...inside], place);
}

function* checkAsserts(sources: readonly string[], path: Path, place: Standpoint): Examination {
  for (const [index, source] of sources.entries()) yield* checkExpression(source, [...path, index], { ...place, names: IN_ASSERTIONS });
}

function* checkExpression(source: string, path: Path, place: Standpoint): Examination {
  // Compiling takes longer than reading, and a long path longer still.
  yield 50 + 4 * source.length;
  let expression: Expression;
  try {
    expression = compile(source);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { reason, position } = error;
    const message = `${reason}, at character ${(position ?? 0) + 1} of \`${excerpt(source)}\``;
    yield { path, message, ...(position === undefined ? {} : { offset: position }) };
    return;
  }
  const sight = expression.references;
  let isClear = true;
  for (const id of sight.steps) {
    const message = outOfSight(id, place);
    if (message === undefined) continue;
    isClear = false;
    yield { path, message: `${message} (in \`${excerpt(source)}\`)` };
  }
  // A name with a dash and no backticks is a subtraction, whose other half is no name either.
  const strange = isClear ? sight.names.filter((name) => !place.names.includes(name)) : [];
  for (const name of strange) {
    yield {
      path,
      message: `there is no "${name}" here, only ${list(place.names)}${didYouMean(name, place.names)} (in \`${excerpt(source)}\`)`,
    };
  }
  if (isClear && strange.length === 0) yield* checkFields(expression, path, place);
}

/** What is read of a value that, by its schema, never has it. */
function* checkFields({ ast, source }: Expression, path: Path, { known, own }: Standpoint): Examination {
  const { misread, work } = readingOf(ast, known(own));
  yield work;
  for (const { message, name, position } of misread) {
    const offset = position === undefined ? -1 : source.lastIndexOf(name, position - name.length);
    yield { path, message: `${message} (in \`${excerpt(source)}\`)`, ...(offset < 0 ? {} : { offset }) };
  }
}

const excerpt = (source: string): string => (source.length > 300 ? `${source.slice(0, 299)}…` : source);

/** Why the result of a step cannot be named from here, if it cannot. */
function outOfSight(id: string, { graph, step, before, names }: Standpoint): string | undefined {
  if (!graph.byId.has(id)) {
    const dashed = [...graph.byId.keys()].find((other) => other.startsWith(`${id}-`));
    const hint = dashed === undefined ? didYouMean(id, graph.byId.keys()) : `; a name with a dash stands in backticks: steps.\`${dashed}\``;
    return `there is no step "${id}"${hint}`;
  }
  if (step === undefined) return undefined;
  if (id === step.id)
    return names.includes('result') ? 'the step\'s own result is called "result" here' : 'it names the result of its own step';
  // Where a dependency is misspelt, this is probably the one that was meant.
  if (before?.().has(id) || step.dependsOn.some((other) => !graph.byId.has(other))) return undefined;
  return `it names the result of "${id}", which may not be there yet: add "${id}" to dependsOn`;
}

const list = (names: readonly string[]): string => `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

function* checkSchema(schema: JsonSchema, path: Path): Examination {
  yield SCHEMA;
  try {
    compileSchema(schema);
  } catch (error) {
    yield { path, message: (error as Error).message };
  }
}
