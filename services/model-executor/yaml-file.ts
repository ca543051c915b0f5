/** A configuration file, read strictly, so that a typing error is found at the start: every complaint says where it is and what is wrong. */
import { readFile } from 'node:fs/promises';
import { excerpt, withoutSecrets } from '@reel/bus/runtime/secrets.ts';
import { keepDigits } from '@reel/contracts/workflow/source.ts';
import { isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

/** The configuration cannot be used; the message says which file, field and value, and what is expected there. */
export class ConfigError extends Error {}

type Path = readonly PropertyKey[];
export type Complain = (path: Path, message: string) => never;

/**
 * Reads a YAML or JSON file that has to be of this shape.
 * @param named what the file is to be, and who names it, for when it is not there.
 * @returns what is in it, and how to complain of a field of it.
 * @throws ConfigError
 */
export async function readYaml<Shape extends z.ZodType>(
  file: string,
  shape: Shape,
  named: string,
): Promise<{ value: z.output<Shape>; complain: Complain }> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`${file}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}; ${named}`);
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [wrong] = document.errors;
  if (wrong !== undefined) throw new ConfigError(`${file}: ${wrong.message}`);
  for (const { digits, offset } of keepDigits(document)) {
    const { line, col } = lines.linePos(offset);
    throw new ConfigError(`${file}:${line}:${col}: ${digits} has more digits than a number here can have: write it in quotes, as a text`);
  }
  const complain: Complain = (path, message) => {
    const node = document.getIn(path, true) ?? document.getIn(path.slice(0, -1), true);
    const at = isNode(node) && node.range ? lines.linePos(node.range[0]) : undefined;
    const field = path.length === 0 ? 'the file' : path.join('.');
    throw new ConfigError(withoutSecrets(`${file}${at === undefined ? '' : `:${at.line}:${at.col}`}: ${field}: ${message}`));
  };
  const raw: unknown = document.toJS() ?? {};
  const parsed = shape.safeParse(raw);
  if (parsed.success) return { value: parsed.data, complain };
  const [issue] = parsed.error.issues;
  if (issue === undefined) return complain([], parsed.error.message);
  if (issue.code === 'unrecognized_keys') return complain([...issue.path, issue.keys[0] as string], 'is not a field that is known here');
  const found = issue.path.reduce<unknown>((within, key) => (within as Record<PropertyKey, unknown> | undefined)?.[key], raw);
  return complain(issue.path, `${bare(issue.message)}, is ${shown(found)}`);
}

/** A value as it is shown in a complaint. */
export function shown(value: unknown): string {
  return excerpt(JSON.stringify(value) ?? 'missing', 80);
}

/** Without what zod puts around it: what is there is shown as it is. */
const bare = (message: string): string => message.replace(/^Invalid (input|option): /, '').replace(/, received \S+$/, '');
