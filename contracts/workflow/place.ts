/** Where something is in a workflow: the way to it from the top, as a list for programs and as text for people. */

/** `['steps', 2, 'dependsOn', 0]`. */
export type Path = readonly (string | number)[];

/** Something wrong, and where. `offset` counts characters from the start of the string that stands there. */
export type Finding = { readonly path: Path; readonly message: string; readonly offset?: number };

/**
 * What is wrong, one thing after the other, and in between how much was looked at, in characters or so: whoever reads it may stop, or let
 * others have a turn.
 */
export type Examination = Generator<Finding | number, void, undefined>;

/** `steps[2].dependsOn[0]`; names that are not plain words are quoted: `steps[0].with["a b"]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}
