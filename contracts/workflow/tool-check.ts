/** What can be wrong with how a workflow uses tools: names nobody offers, arguments that a tool does not take, undoing what cannot be undone. */
import type { Json, JsonSchema } from '../envelope.ts';
import type { ToolDefinition } from '../tool.ts';
import type { Attempt } from './attempt.ts';
import { didYouMean } from './nearest.ts';
import type { Finding, Path } from './place.ts';

/** The tools there are, by name. */
export type Tools = ReadonlyMap<string, ToolDefinition>;

/** A step of kind `tool`, or its fallback. Without `tools` only what needs no knowledge of them is checked. */
export function checkTool({ uses, with: given, effect, compensate }: Attempt, path: Path, tools: Tools | undefined): Finding[] {
  if (uses === '') return [{ path, message: 'a step for a tool needs "uses": the name of the tool' }];
  const findings: Finding[] = [];
  if (effect !== undefined) findings.push({ path: [...path, 'effect'], message: 'what calling a tool twice does is for the tool to say' });
  if (tools === undefined) return findings;
  const tool = tools.get(uses);
  if (tool === undefined) findings.push({ path: [...path, 'uses'], message: unknown(uses, tools) });
  else findings.push(...checkArguments(tool.input, given, [...path, 'with']));
  if (compensate !== undefined) findings.push(...checkUndo(compensate, uses, tool, [...path, 'compensate'], tools));
  else if (tool?.compensation !== undefined && !tools.has(tool.compensation.uses)) {
    const message = `it is undone by "${tool.compensation.uses}": ${unknown(tool.compensation.uses, tools)}`;
    findings.push({ path: [...path, 'uses'], message });
  }
  return findings;
}

type Undo = NonNullable<Attempt['compensate']>;

function checkUndo(undo: Undo, uses: string, tool: ToolDefinition | undefined, path: Path, tools: Tools): Finding[] {
  if (tool?.effect === 'read-only') return [{ path, message: `"${uses}" is read-only: there is nothing to undo` }];
  const undoing = tools.get(undo.uses);
  if (undoing === undefined) return [{ path: [...path, 'uses'], message: unknown(undo.uses, tools) }];
  return checkArguments(undoing.input, undo.with, [...path, 'with']);
}

const unknown = (name: string, tools: Tools): string =>
  tools.size === 0
    ? `there is no tool "${name}", nor any other: is the tool-executor running, and does REEL_TOOLS name its configuration?`
    : `there is no tool "${name}"${didYouMean(name, tools.keys())}`;

/** Names only: the values are known when the run is. */
function checkArguments(input: JsonSchema, given: { readonly [name: string]: Json }, path: Path): Finding[] {
  const { required, properties, additionalProperties, patternProperties } = input;
  const needed = Array.isArray(required) ? required.map(String) : [];
  const taken = typeof properties === 'object' && properties !== null ? Object.keys(properties) : [];
  const missing = needed.filter((name) => !Object.hasOwn(given, name));
  const findings: Finding[] = missing.map((name) => ({ path, message: `the tool needs the argument "${name}"` }));
  if (additionalProperties !== false || patternProperties !== undefined) return findings;
  const extra = Object.keys(given).filter((name) => !taken.includes(name));
  const message = (name: string): string => `the tool takes no argument "${name}"${didYouMean(name, taken)}`;
  return [...findings, ...extra.map((name) => ({ path: [...path, name], message: message(name) }))];
}
