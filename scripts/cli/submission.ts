/** What `reel run` hands in: the file of a workflow, or a goal in words. */

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseJson as readNumbers } from '@reel/contracts/exact-json.ts';
import { Refused } from './api.ts';

export type SubmissionOptions = { input: string; by: string; plan?: boolean; rubric?: string };

/**
 * The body of POST /v1/runs. A file is taken for a workflow, and words for a goal.
 * @throws Refused when it is neither, or the options do not go with it.
 */
export async function submissionOf(what: string, { input, by, plan, rubric }: SubmissionOptions): Promise<object> {
  const text = input.startsWith('@') ? await readInput(input.slice(1)) : input;
  const common = { input: parseJson(text, '--input'), requestedBy: by };
  const workflow = await readFile(what, 'utf8').catch(() => undefined);
  if (workflow === undefined) {
    if (!/\s/.test(what.trim()) || /\.(ya?ml|json)$/i.test(what))
      throw new Refused(`${resolve(what)} cannot be read: the first argument is the file of a workflow, or a goal in words ("find …")`);
    return { ...common, goal: { text: what, ...(plan ? { review: true } : {}), ...(rubric === undefined ? {} : { rubric }) } };
  }
  for (const [option, given] of Object.entries({ plan, rubric }))
    if (given !== undefined) throw new Refused(`--${option} goes with a goal, and ${resolve(what)} is a workflow`);
  return { ...common, workflow };
}

async function readInput(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : (error.code ?? error.message);
    throw new Refused(`--input @${file}: ${resolve(file)} cannot be read (${why}): give a file with JSON in it, or the JSON itself`);
  });
}

/** @param option the option whose value it is, for the error. @throws Refused */
export function parseJson(text: string, option: string): unknown {
  try {
    return readNumbers(text);
  } catch (error) {
    throw new Refused(`${option} is not JSON (${(error as Error).message}): ${text.slice(0, 80)}`);
  }
}
