/** What can be wrong with how a workflow uses tools: names nobody offers, arguments that a tool does not take, undoing what cannot be undone. */
import type { Json, JsonSchema } from '../envelope.ts';
import type { ToolDefinition } from '../tool.ts';
import type { PlannedAttempt } from './attempt.ts';
import { didYouMean } from './nearest.ts';
import type { Examination, Path } from './place.ts';

/** The tools there are, by name. */
export type Tools = ReadonlyMap<string, ToolDefinition>;

/** Why tools that servers have cannot be called, by their names. */
export type Refused = ReadonlyMap<string, string>;
const NONE: Refused = new Map();

/** A step of kind `tool`, or its fallback. Without `tools` only what needs no knowledge of them is checked. */
export function* checkTool(attempt: PlannedAttempt, path: Path, tools: Tools | undefined, refused: Refused = NONE): Examination {
  const { uses, with: given, effect, compensate } = attempt;
  if (uses === '') {
    yield { path, message: 'a step for a tool needs "uses": the name of the tool' };
    return;
  }
  if (effect !== undefined) yield { path: [...path, 'effect'], message: 'what calling a tool twice does is for the tool to say' };
  if (tools === undefined) return;
  const tool = tools.get(uses);
  const why = refused.get(uses);
  if (tool === undefined && why !== undefined) yield { path: [...path, 'uses'], message: `the tool "${uses}" cannot be called: ${why}` };
  else if (tool === undefined) yield { path: [...path, 'uses'], message: unknown(uses, tools) };
  else yield* checkArguments(tool.input, given, [...path, 'with']);
  if (compensate !== undefined) yield* checkUndo(compensate, uses, tool, [...path, 'compensate'], tools);
  else if (tool?.compensation !== undefined && !tools.has(tool.compensation.uses)) {
    const message = `it is undone by "${tool.compensation.uses}": ${unknown(tool.compensation.uses, tools)}`;
    yield { path: [...path, 'uses'], message };
  }
}

type Undo = NonNullable<PlannedAttempt['compensate']>;

function* checkUndo(undo: Undo, uses: string, tool: ToolDefinition | undefined, path: Path, tools: Tools): Examination {
  const undoing = tools.get(undo.uses);
  if (tool?.effect === 'read-only') yield { path, message: `"${uses}" is read-only: there is nothing to undo` };
  else if (undoing === undefined) yield { path: [...path, 'uses'], message: unknown(undo.uses, tools) };
  else yield* checkArguments(undoing.input, undo.with, [...path, 'with']);
}

const unknown = (name: string, tools: Tools): string =>
  tools.size === 0
    ? `there is no tool "${name}", nor any other: is the tool-executor running, and does REEL_TOOLS name its configuration?`
    : `there is no tool "${name}"${didYouMean(name, tools.keys())}`;

/** Names only: the values are known when the run is. */
function* checkArguments(input: JsonSchema, given: { readonly [name: string]: Json }, path: Path): Examination {
  const { required, properties, additionalProperties, patternProperties } = input;
  const needed = Array.isArray(required) ? required.map(String) : [];
  for (const name of needed) if (!Object.hasOwn(given, name)) yield { path, message: `the tool needs the argument "${name}"` };
  if (additionalProperties !== false || patternProperties !== undefined) return;
  const taken = new Set(typeof properties === 'object' && properties !== null ? Object.keys(properties) : []);
  for (const name of Object.keys(given)) {
    if (!taken.has(name)) yield { path: [...path, name], message: `the tool takes no argument "${name}"${didYouMean(name, taken)}` };
  }
}
