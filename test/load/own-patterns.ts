/** The regular expressions of a source, read off its syntax tree. */
import { parseSync, Visitor } from 'oxc-parser';

/** A place where one is put together when the program runs. `text`: the call, as it is written. */
export type Composition = { readonly text: string };
export type Own = { readonly literals: readonly RegExp[]; readonly compositions: readonly Composition[] };

/** @throws for a source that does not parse. */
export function patternsIn(path: string, source: string): Own {
  const { program, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const literals: RegExp[] = [];
  const compositions: Composition[] = [];
  const called = ({ callee, start, end }: { callee: { type: string; name?: string }; start: number; end: number }): void => {
    if (callee.type === 'Identifier' && callee.name === 'RegExp') compositions.push({ text: source.slice(start, end) });
  };
  new Visitor({
    Literal: (node) => {
      if ('regex' in node) literals.push(new RegExp(node.regex.pattern, node.regex.flags));
    },
    NewExpression: called as never,
    CallExpression: called as never,
  }).visit(program);
  return { literals, compositions };
}
