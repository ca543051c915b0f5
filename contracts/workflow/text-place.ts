/** From a place in a workflow to a place in the text it was read from, down to the character within an expression. */
import { type Document, isMap, isNode, isScalar, isSeq, type Node, type Pair, type Scalar } from 'yaml';
import type { Finding, Path } from './place.ts';

/** Where in `text` (counted in characters from 0) a finding is; for something that is missing, where it should have been. */
export function placeIn(document: Document, text: string, { path, offset }: Finding): number {
  const { node, begin } = nodeAt(document, path);
  if (offset === undefined || !isScalar(node)) return begin;
  return withinScalar(node, text, offset) ?? node.range?.[0] ?? begin;
}

/** `begin` is that of the key, where there is one: it is the name that people look for. */
function nodeAt(document: Document, path: Path): { node: unknown; begin: number } {
  let node: unknown = document.contents;
  let begin = document.contents?.range?.[0] ?? 0;
  for (const key of path) {
    const pair: Pair | undefined = isMap(node) ? node.items.find((item) => keyOf(item) === String(key)) : undefined;
    const child = isSeq(node) ? node.items[Number(key)] : pair?.value;
    const place = beginOf(pair?.key) ?? beginOf(child);
    if (place === undefined) return { node: undefined, begin };
    node = child;
    begin = place;
  }
  return { node, begin };
}

const keyOf = ({ key }: Pair): string => String(isScalar(key) ? key.value : key);

const beginOf = (node: unknown): number | undefined => (isNode(node) ? (node as Node).range?.[0] : undefined);

/** The character of the text that became character `offset` of a string; undefined where escapes or folding make that hard to tell. */
function withinScalar(node: Scalar, text: string, offset: number): number | undefined {
  const value = node.value;
  if (typeof value !== 'string' || !node.range) return undefined;
  const [begin, end] = node.range;
  if (node.type !== 'BLOCK_LITERAL') {
    const at = text.slice(begin, end).indexOf(value);
    return at < 0 ? undefined : begin + at + offset;
  }
  const before = value.slice(0, offset).split('\n');
  const lines = text.slice(begin, end).split('\n');
  // The first line is the header; the lines below it are indented alike.
  const indent = /^ */.exec(lines.find((line, index) => index > 0 && line.trim() !== '') ?? '')?.[0].length ?? 0;
  const skipped = lines.slice(0, before.length).join('\n').length + 1;
  return begin + skipped + indent + (before.at(-1) as string).length;
}
