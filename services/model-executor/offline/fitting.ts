/** Which reply fits a request: the first one whose conditions all hold; where none does, the one that came nearest and what it lacked. */
import { canonical } from '@reel/bus/runtime/digest.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { compile } from '@reel/contracts/workflow/expression.ts';
import type { Reply, Scenario } from './scenario.ts';

/** What is asked, as scripts see it. */
export type Asked = {
  /** The system message. */
  readonly prompt: string;
  /** The user message: the JSON object in it, or `{ text }`. */
  readonly request: { readonly [key: string]: Json };
  /** The digest of the schema that the result is to have, or `none`. */
  readonly outputDigest: string;
  /** How often the same was asked before: 0 the first time. */
  readonly attempt: number;
};

/** `number` counts the replies of a file from 1. */
export type Fitting = {
  readonly scenario: Scenario;
  readonly reply: Reply;
  readonly number: number;
  readonly match: { readonly [group: string]: string };
};

export type Found = Fitting | { readonly nearest: string | undefined };

/** The first reply, in the order of the scenarios, that fits. */
export async function findReply(scenarios: readonly Scenario[], asked: Asked): Promise<Found> {
  let nearest: { held: number; lacks: number; text: string } | undefined;
  for (const scenario of scenarios) {
    for (const [index, reply] of scenario.replies.entries()) {
      const { held, lacks, match } = compare(reply, asked);
      if (lacks.length === 0 && reply.where !== undefined) {
        const why = await unmet(reply.where, { request: asked.request, match, attempt: asked.attempt });
        if (why !== undefined) lacks.push(why);
      }
      if (lacks.length === 0) return { scenario, reply, number: index + 1, match };
      const nearer = nearest === undefined || held > nearest.held || (held === nearest.held && lacks.length < nearest.lacks);
      if (held > 0 && nearer) nearest = { held, lacks: lacks.length, text: `${scenario.file} reply ${index + 1}, ${lacks[0]}` };
    }
  }
  return { nearest: nearest?.text };
}

/** Everything but `where`: how many conditions hold, what is lacking, and the named groups. */
function compare(reply: Reply, { prompt, request, outputDigest }: Asked): { held: number; lacks: string[]; match: Record<string, string> } {
  const match: Record<string, string> = {};
  const lacks: string[] = [];
  let held = 0;
  const check = (holds: boolean, lack: string): void => {
    if (holds) held++;
    else lacks.push(lack);
  };
  if (reply.task !== undefined) check(request['task'] === reply.task, `wants the task "${reply.task}"`);
  if (reply.exactly !== undefined) {
    const same = canonical(reply.exactly) === canonical(request);
    check(same, same ? '' : `wants exactly the request that was recorded (${difference(reply.exactly, request)})`);
  }
  if (reply.exactPrompt !== undefined) check(reply.exactPrompt === prompt, 'wants exactly the system message that was recorded');
  if (reply.outputDigest !== undefined) check(reply.outputDigest === outputDigest, 'wants another schema of the result');
  const offered = reply.tools.length === 0 ? new Set() : toolsOf(request);
  for (const tool of reply.tools) check(offered.has(tool), `wants the tool "${tool}"`);
  for (const [path, pattern] of Object.entries(reply.match)) {
    const text = textAt(request, path);
    const found = text === undefined ? undefined : pattern.exec(text);
    check(found !== undefined, `wants ${path} to match /${pattern.source}/`);
    for (const [group, text] of Object.entries(found?.named ?? {})) if (text !== undefined) match[group] = text;
  }
  if (reply.prompt !== undefined) check(reply.prompt.test(prompt), `wants the system message to match /${reply.prompt.source}/`);
  return { held, lacks, match };
}

async function unmet(where: string, scope: { [name: string]: unknown }): Promise<string | undefined> {
  try {
    return (await compile(where).evaluate(scope)) === true ? undefined : `wants this to be true: ${where}`;
  } catch (error) {
    return `has a condition that fails: ${(error as Error).message}`;
  }
}

function difference(wanted: Json, request: Asked['request']): string {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) return 'which was no object';
  const keys = new Set([...Object.keys(wanted), ...Object.keys(request)]);
  return `it differs in ${[...keys].filter((key) => canonical([wanted[key]]) !== canonical([request[key]])).join(', ')}`;
}

function toolsOf({ tools }: Asked['request']): ReadonlySet<unknown> {
  if (!Array.isArray(tools)) return new Set();
  return new Set(tools.map((tool) => (typeof tool === 'object' && tool !== null && !Array.isArray(tool) ? tool['name'] : tool)));
}

/** The text at a dotted path; what is no text as JSON writes it; undefined for nothing. */
function textAt(request: Asked['request'], path: string): string | undefined {
  let value: unknown = request;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as { [key: string]: unknown })[key];
  }
  if (value === null || value === undefined) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
