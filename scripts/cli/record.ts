/** A run's model calls as a script: what models answered in it, the offline model answers again, to exactly the same questions. */
import { visible } from '@reel/bus/process/terminal.ts';
import { parseAddress } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { type Call, stepFailed, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import { outputDigestOf } from '@reel/model-executor/offline/completion.ts';
import { Document, visit } from 'yaml';
import { Refused, type Told } from './api.ts';

type Body = { readonly [field: string]: Json };

/**
 * A scenario file (services/model-executor/offline/scenario.ts) from the facts of one run, as `GET /v1/runs/{id}/events` gives them.
 * @throws Refused when no model said anything in it.
 */
export function recordScript(events: readonly Told[]): string {
  const calls = new Map<string, Call>();
  const asked = new Map<string, { readonly question: Body; readonly said: Body[] }>();
  let run = '';
  for (const event of events) {
    if (!('type' in event)) continue;
    run ||= event.runid;
    const at = parseAddress(event.id);
    if (at?.kind !== 'model') continue;
    const place = `${at.id}.${at.n}`;
    const requested = event.type === stepRequested.type ? stepRequested.shape.safeParse(event.data).data : undefined;
    if (requested !== undefined) calls.set(place, requested.call);
    const call = calls.get(place);
    const body = call === undefined ? undefined : answerIn(event.type, event.data, call);
    if (call === undefined || body === undefined) continue;
    const question = questionOf(call);
    const key = JSON.stringify(question);
    const entry = asked.get(key) ?? { question, said: [] };
    asked.set(key, entry);
    entry.said.push(body);
  }
  if (asked.size === 0) throw new Refused(`no model said anything in the run ${run}, so there is nothing to record`);
  const replies = [...asked.values()].flatMap(({ question, said }) => repliesOf(question, said));
  const opening =
    '# Recorded by `reel record`: the same answers to exactly the same requests. Loosen `exactly` to `match` to make it answer others.\n';
  return opening + yamlText({ name: `recorded ${run}`, replies });
}

/** What the executor asks a model for a call, as the conditions of a reply. */
function questionOf({ arguments: matter, prompt = '', output }: Call): Body {
  const { task } = matter;
  return { ...(typeof task === 'string' ? { task } : {}), exactPrompt: prompt, outputDigest: outputDigestOf(output), exactly: matter };
}

/**
 * What a model said, as the fields of a reply. Undefined for what is no answer, and for answers that were nonsense: the log does not
 * keep those. Neither does it keep the words of what was broken off or refused.
 */
function answerIn(type: string, data: unknown, { output }: Call): Body | undefined {
  const succeeded = type === stepSucceeded.type ? stepSucceeded.shape.safeParse(data).data : undefined;
  if (succeeded !== undefined) {
    const text = output === undefined ? (succeeded.output as { text?: Json } | null)?.text : undefined;
    return typeof text === 'string' ? { raw: text } : { reply: literal(succeeded.output) };
  }
  const failed = type === stepFailed.type ? stepFailed.shape.safeParse(data).data : undefined;
  if (failed === undefined) return undefined;
  if (failed.problem.code === 'model-refused') return { refusal: failed.problem.message };
  if (failed.problem.code === 'model-truncated') return { raw: '', finishReason: 'length' };
  if (failed.problem.code === 'model-filtered') return { raw: '', finishReason: 'content_filter' };
  return undefined;
}

/** A template that renders to the value. */
function literal(value: Json): Json {
  if (typeof value === 'string') return value.startsWith('=') ? `=${value}` : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(literal);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, literal(member)]));
}

/** One reply for all, where every attempt was answered alike; otherwise each its own, and from then on the last. */
function repliesOf(question: Body, said: readonly Body[]): Body[] {
  const alike = new Set(said.map((body) => JSON.stringify(body))).size === 1;
  if (alike) return [{ ...question, ...said[0] }];
  return said.map((body, n) => ({ ...question, where: n < said.length - 1 ? `attempt = ${n}` : `attempt >= ${n}`, ...body }));
}

/** As YAML in which nothing is hidden: what a model has said may come to a terminal on its way to the file. */
function yamlText(value: object): string {
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, scalar) => {
      if (typeof scalar.value === 'string' && visible(scalar.value) !== scalar.value) scalar.type = 'QUOTE_DOUBLE';
    },
  });
  return document
    .toString({ lineWidth: 0 })
    .replace(/[^\x20-\x7e\n]/gu, (letter) =>
      visible(letter) === letter ? letter : `\\U${(letter.codePointAt(0) as number).toString(16).padStart(8, '0')}`,
    );
}
