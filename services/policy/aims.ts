/** What policies say of tools, beside the tools that there are: names that none has are likely slips. */
import { didYouMean } from '@reel/contracts/workflow/nearest.ts';
import { looksOf } from './look.ts';
import type { Policy } from './policies.ts';
import { indexIn } from './source.ts';

/** As much of a tool as its definition says of its arguments. */
type Tool = { readonly name: string; readonly input: { readonly [keyword: string]: unknown } };

/** A sentence, with its place, for each tool that is named and not there, and each argument that none of the tools in question takes. */
export function strayAims(policies: Iterable<Policy>, tools: readonly Tool[]): string[] {
  return [...policies].flatMap((policy) => {
    const { json, text, at } = policy;
    const named = [...new Set(toolsIn([json.resource, json.conditions]))];
    const there = tools.filter(({ name }) => named.includes(name));
    const about = named.length === 0 ? tools : there;
    const strays = named.filter((name) => !there.some((tool) => tool.name === name));
    const known = tools.map(({ name }) => name);
    const lost = strays.map((name) => `${at(indexIn(text, ['Tool', name]))}: no tool is called "${name}"${didYouMean(name, known)}`);
    const looked = [...(looksOf([json]).context.members.get('arguments')?.members.keys() ?? [])];
    const taken = about.map(argumentsOf);
    if (about.length === 0 || taken.includes(undefined)) return lost;
    const names = [...new Set(taken.flatMap((some) => some ?? []))];
    const who = named.length === 0 ? 'no tool' : `none of ${there.map(({ name }) => name).join(', ')}`;
    const empty = looked.filter((name) => !names.includes(name));
    return [
      ...lost,
      ...empty.map((name) => `${at(indexIn(text, ['context', 'arguments', name]))}: ${who} takes "${name}"${didYouMean(name, names)}`),
    ];
  });
}

/** The names of its arguments; undefined when it may take any. */
function argumentsOf({ input }: Tool): string[] | undefined {
  const { properties, additionalProperties } = input;
  const isOpen = properties === undefined || additionalProperties === true || typeof additionalProperties === 'object';
  const others = ['patternProperties', '$ref', 'allOf', 'anyOf', 'oneOf', 'if'].some((keyword) => input[keyword] !== undefined);
  return isOpen || others ? undefined : Object.keys(properties as object);
}

function toolsIn(part: unknown): string[] {
  if (part === null || typeof part !== 'object') return [];
  const { type, id } = part as { type?: unknown; id?: unknown };
  return type === 'Tool' && typeof id === 'string' ? [id] : Object.values(part).flatMap(toolsIn);
}
