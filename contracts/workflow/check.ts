/** What can be wrong with a workflow before it runs: its graph, its expressions, and the tools it names. Each with its place. */
import { isStepKind } from '../address.ts';
import type { Json, JsonSchema } from '../envelope.ts';
import { compileSchema } from '../schema.ts';
import type { Compensation, ToolDefinition } from '../tool.ts';
import { type Attempt, fallbackId } from './attempt.ts';
import { compile, templateExpressions } from './expression.ts';
import type { Workflow, WorkflowStep } from './format.ts';
import { ancestorsOf, type Graph, graphOf } from './graph.ts';
import { ExpressionError } from './program.ts';

export type Path = readonly (string | number)[];

/** What is wrong, and where in the workflow. */
export type Finding = { readonly path: Path; readonly message: string };

export type Tools = ReadonlyMap<string, ToolDefinition>;

/** Everything that is wrong with a workflow. Without `tools` their names are not checked. */
export function checkWorkflow(workflow: Workflow, tools?: Tools): Finding[] {
  const graph = graphOf(workflow);
  const findings = [...ids(workflow), ...dependencies(workflow, graph)];
  // Cycles would make everything that follows say the same again in other words.
  if (findings.length > 0) return findings;
  findings.push(...workflow.steps.flatMap((step, index) => checkStep(step, ['steps', index], graph, tools)));
  if (workflow.input !== undefined) findings.push(...schema(workflow.input, ['input']));
  const { answer } = workflow;
  if (answer !== undefined) {
    const known = new Set(graph.byId.keys());
    findings.push(...template(answer.value, ['answer', 'value'], known, graph));
    for (const [index, source] of answer.assert.entries()) findings.push(...expression(source, ['answer', 'assert', index], known, graph));
    if (answer.schema !== undefined) findings.push(...schema(answer.schema, ['answer', 'schema']));
  }
  return findings;
}

function ids({ steps }: Workflow): Finding[] {
  const seen = new Set<string>();
  const taken = new Set(steps.flatMap(({ id, fallback }) => (fallback === undefined ? [] : [fallbackId(id)])));
  return steps.flatMap(({ id }, index) => {
    const path = ['steps', index, 'id'];
    if (seen.has(id)) return [{ path, message: `there is already a step "${id}"` }];
    seen.add(id);
    return taken.has(id) ? [{ path, message: `"${id}" is what the fallback of another step is called: rename it` }] : [];
  });
}

function dependencies({ steps }: Workflow, graph: Graph): Finding[] {
  const findings = steps.flatMap(({ id, dependsOn }, index) =>
    dependsOn.flatMap((other, k) => {
      const path = ['steps', index, 'dependsOn', k];
      if (other === id) return [{ path, message: `"${id}" depends on itself` }];
      return graph.byId.has(other) ? [] : [{ path, message: `there is no step "${other}"${nearest(other, graph.byId.keys())}` }];
    }),
  );
  const cycle = cycleIn(steps, graph);
  if (cycle === undefined) return findings;
  const at = steps.findIndex(({ id }) => id === cycle[0]);
  return [
    ...findings,
    { path: ['steps', at, 'dependsOn'], message: `these steps wait for each other: ${[...cycle, cycle[0]].join(' -> ')}` },
  ];
}

/** Some cycle, in the order in which its steps wait. Iterative: a workflow may be thousands of steps deep. */
function cycleIn(steps: readonly WorkflowStep[], graph: Graph): string[] | undefined {
  const done = new Set<string>();
  for (const { id } of steps) {
    const trail: string[] = [];
    const on = new Set<string>();
    const stack: { id: string; leave: boolean }[] = [{ id, leave: false }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top.leave) {
        on.delete(trail.pop() as string);
        done.add(top.id);
      } else if (on.has(top.id)) {
        return trail.slice(trail.indexOf(top.id));
      } else if (!done.has(top.id)) {
        trail.push(top.id);
        on.add(top.id);
        stack.push({ id: top.id, leave: true });
        for (const other of graph.byId.get(top.id)?.dependsOn ?? [])
          if (other !== top.id && graph.byId.has(other)) stack.push({ id: other, leave: false });
      }
    }
  }
  return undefined;
}

function checkStep(step: WorkflowStep, path: Path, graph: Graph, tools: Tools | undefined): Finding[] {
  const known = ancestorsOf(graph, step.id);
  const findings = attempt(step, path, known, graph, tools);
  if (step.when !== undefined) findings.push(...expression(step.when, [...path, 'when'], known, graph));
  if (step.fallback !== undefined) findings.push(...attempt(step.fallback, [...path, 'fallback'], known, graph, tools));
  return findings;
}

function attempt(what: Attempt, path: Path, known: ReadonlySet<string>, graph: Graph, tools: Tools | undefined): Finding[] {
  const findings: Finding[] = [];
  const say = (field: string, message: string): number => findings.push({ path: field === '' ? path : [...path, field], message });
  if (!isStepKind(what.kind)) say('kind', `"${what.kind}" is reserved: kinds are tool, person, or what a performer of your own has taken`);
  if (what.kind === 'person') {
    if (what.prompt === undefined) say('', 'a step for a person needs a "prompt": the question it is asked');
    if (what.form === undefined) say('', 'a step for a person needs a "form": the JSON Schema of the answer');
    if (what.form !== undefined && templateExpressions(what.form).length === 0) findings.push(...schema(what.form, [...path, 'form']));
  }
  if (what.output !== undefined) findings.push(...schema(what.output, [...path, 'output']));
  findings.push(...template(what.with, [...path, 'with'], known, graph));
  if (what.form !== undefined) findings.push(...template(what.form, [...path, 'form'], known, graph));
  if (what.prompt !== undefined) findings.push(...template(what.prompt, [...path, 'prompt'], known, graph));
  for (const [index, source] of what.assert.entries()) findings.push(...expression(source, [...path, 'assert', index], known, graph));
  if (what.compensate !== undefined) findings.push(...template(what.compensate.with, [...path, 'compensate', 'with'], known, graph));
  if (what.kind === 'tool') findings.push(...tool(what, path, tools));
  return findings;
}

function tool(what: Attempt, path: Path, tools: Tools | undefined): Finding[] {
  if (what.uses === '') return [{ path, message: 'a step for a tool needs "uses": the name of the tool' }];
  if (tools === undefined) return [];
  const definition = tools.get(what.uses);
  if (definition === undefined) return [{ path: [...path, 'uses'], message: unknown(what.uses, tools) }];
  const findings = argumentsOf(definition.input, what.with, [...path, 'with']);
  const { compensate } = what;
  if (compensate !== undefined && definition.effect === 'read-only') {
    findings.push({ path: [...path, 'compensate'], message: `"${what.uses}" is read-only: there is nothing to undo` });
  }
  const undoing: Compensation | undefined = compensate ?? definition.compensation;
  if (undoing !== undefined && !tools.has(undoing.uses)) {
    const where = compensate === undefined ? [...path, 'uses'] : [...path, 'compensate', 'uses'];
    findings.push({ path: where, message: `it is undone by "${undoing.uses}": ${unknown(undoing.uses, tools)}` });
  }
  return findings;
}

const unknown = (name: string, tools: Tools): string =>
  tools.size === 0
    ? `there is no tool "${name}", nor any other: see REEL_TOOLS`
    : `there is no tool "${name}"${nearest(name, tools.keys())}`;

/** What a template lacks or has too much, by the tool's schema: its values are known only later. */
function argumentsOf(input: JsonSchema, given: { readonly [name: string]: Json }, path: Path): Finding[] {
  const {
    required = [],
    properties = {},
    additionalProperties,
  } = input as { required?: string[]; properties?: object; additionalProperties?: Json };
  const missing = required.filter((name) => !(name in given)).map((name) => ({ path, message: `the tool needs the argument "${name}"` }));
  if (additionalProperties !== false) return missing;
  const names = Object.keys(properties);
  const extra = Object.keys(given).filter((name) => !names.includes(name));
  return [
    ...missing,
    ...extra.map((name) => ({ path: [...path, name], message: `the tool takes no argument "${name}"${nearest(name, names)}` })),
  ];
}

function template(value: Json, path: Path, known: ReadonlySet<string>, graph: Graph): Finding[] {
  return templateExpressions(value).flatMap(({ path: inside, source }) => expression(source, [...path, ...inside], known, graph));
}

function expression(source: string, path: Path, known: ReadonlySet<string>, graph: Graph): Finding[] {
  try {
    return compile(source).references.steps.flatMap((id) => {
      if (known.has(id)) return [];
      if (graph.byId.has(id))
        return [{ path, message: `it names the result of "${id}", which may not be there yet: add "${id}" to dependsOn` }];
      const dashed = [...graph.byId.keys()].find((other) => other.startsWith(`${id}-`));
      const hint = dashed === undefined ? nearest(id, graph.byId.keys()) : `; a name with a dash stands in backticks: steps.\`${dashed}\``;
      return [{ path, message: `there is no step "${id}"${hint}` }];
    });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const at = error.position === undefined ? '' : `, at character ${error.position}`;
    return [{ path, message: `${error.message}${at}` }];
  }
}

function schema(value: JsonSchema, path: Path): Finding[] {
  try {
    compileSchema(value);
    return [];
  } catch (error) {
    return [{ path, message: (error as Error).message }];
  }
}

/** `; did you mean "x"?` for the name that differs by the fewest letters, if any is near enough. */
function nearest(name: string, names: Iterable<string>): string {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const other of names) {
    const distance = editDistance(name, other);
    if (distance < least) [best, least] = [other, distance];
  }
  return best === undefined ? '' : `; did you mean "${best}"?`;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] as number;
}
