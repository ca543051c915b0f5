/** The errors that a zod shape found in a request: where, the value there, and what was expected. Pure. */

import type { JsonSchema } from '@reel/contracts/envelope.ts';
import { checkAgainst, SchemaError } from '@reel/contracts/schema.ts';
import { pathText } from '@reel/contracts/workflow/place.ts';
import type { ProblemDetails } from './shapes.ts';

type FieldError = NonNullable<ProblemDetails['errors']>[number];

/** An issue as zod reports it, without zod's types. */
export type Issue = {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys?: readonly string[];
  readonly errors?: readonly (readonly Issue[])[];
};

/** A longer value is not sent back: the caller has it. */
const LONGEST = 200;

/** Every field that is wrong. `where` is the part of the request: body, query, header, path. */
export function fieldErrors(where: string, issues: readonly Issue[], given: unknown): FieldError[] {
  return issues.flatMap(unfolded).flatMap((issue) => {
    const path = [where, ...(issue.path as (string | number)[])];
    if (issue.code === 'unrecognized_keys')
      return (issue.keys ?? []).map((key) => ({ path: pathText([...path, key]), message: `there is no field "${key}" here` }));
    const value = issue.path.reduce<unknown>(
      (inside, key) => (inside === null || typeof inside !== 'object' ? undefined : (inside as { [key: PropertyKey]: unknown })[key]),
      given,
    );
    const shown = JSON.stringify(value);
    const echo = shown === undefined || shown.length > LONGEST ? {} : { value: value as never };
    return [{ path: pathText(path), message: messageOf(issue, shown), ...echo }];
  });
}

/** The issues of the alternative that was probably meant: its outer type fits, and only inner fields are wrong. */
function unfolded(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors === undefined) return [issue];
  const isInside = (one: Issue): boolean => one.path.length > 0 || one.code === 'unrecognized_keys';
  const meant = issue.errors.filter((branch) => branch.every(isInside)).sort((a, b) => a.length - b.length)[0];
  if (meant !== undefined) return meant.flatMap((one) => unfolded({ ...one, path: [...issue.path, ...one.path] }));
  const all = issue.errors.flatMap((branch) => branch.filter((one) => !isInside(one)).map(({ message }) => bare(message)));
  const wanted = [...new Set(all)].map((words, place) => (place === 0 ? words : words.replace(/^expected /, ''))).join(' or ');
  return [{ ...issue, message: wanted === '' ? issue.message : wanted }];
}

/** Without zod's prefix and suffix: `messageOf` adds the value that was there. */
const bare = (message: string): string =>
  message.replace(/^(Invalid input|Invalid option|Too small|Too big): /, '').replace(/, received \S+$/, '');

function messageOf({ code, message }: Issue, shown: string | undefined): string {
  if (code === 'custom') return message;
  const wanted = bare(message);
  if (shown === undefined) return `it is missing: ${wanted}`;
  return `${wanted}, and is ${shown.length > 80 ? `${shown.slice(0, 79)}…` : shown}`;
}

/** Why a value does not fit a foreign schema, or why the schema cannot be applied: it may refer to itself without end. */
export function wrongBy(schema: JsonSchema, value: unknown): string | undefined {
  try {
    return checkAgainst(schema, value);
  } catch (error) {
    if (!(error instanceof SchemaError || error instanceof RangeError)) throw error;
    return `its schema cannot be applied: ${error.message}`;
  }
}
