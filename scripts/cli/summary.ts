/** How a run stands, in words for the terminal. Pure. */
import { jsonText, line } from '@reel/bus/process/terminal.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { Run } from '@reel/gateway/shapes.ts';
import { counted, cut, folded } from './table.ts';

/** A time as people read it: UTC, to the second. */
export const when = (time: string): string => time.slice(0, 19).replace('T', ' ');

/** How a run stands, in a few lines of at most `width`; JSON and addresses are not broken. */
export function summary(run: Run, width: number): string {
  const fold = (text: string): string[] => folded(text, width - 4).map((line, index) => (index === 0 ? line : `  ${line}`));
  const lines = [line`${run.id}  ${run.workflow}  ${run.status}`];
  if (run.goal !== undefined) lines.push(...fold(`goal: ${run.goal}`));
  if (run.answer !== undefined) lines.push(...answerLines(run.answer, run.goal !== undefined, fold));
  for (const { step, problem } of run.omitted ?? []) lines.push(line`without ${step}: ${problem.message}`);
  if (run.problem !== undefined) lines.push(...fold(`problem: ${run.problem.code}: ${run.problem.message}`));
  if (run.undone.length > 0) lines.push(...fold(`undone: ${run.undone.map(({ id }) => id).join(', ')}`));
  for (const one of run.remaining) lines.push(...fold(remainingLine(one)));
  for (const { address, waitsFor, owedBy, since } of run.waitsFor)
    lines.push(line`waits for ${waitsFor} at ${address}, owed by ${owedBy}, since ${when(since)}`);
  lines.push(...costLines(run.usage).flatMap(fold));
  return lines.join('\n');
}

/** What is still there, why, and what it returned. */
function remainingLine({ id, uses, problem, rejected, result, fact }: Run['remaining'][number]): string {
  const why = rejected === undefined ? problem.message : `${problem.message}; its result was rejected: ${rejected.message}`;
  const gave =
    result !== undefined
      ? `; it returned ${cut(JSON.stringify(result), LONGEST)}`
      : fact === undefined
        ? ''
        : `; ${fact} has what it returned`;
  return `left behind: ${id} (${uses}): ${why}${gave}`;
}

/** A longer result is for `--json`. */
const LONGEST = 200;

/** The answer; to a goal in words, with what each claim rests on. */
function answerLines(answer: Json, toGoal: boolean, fold: (text: string) => string[]): string[] {
  const { text, claims, data } = (toGoal ? answer : {}) as { text?: string; claims?: { claim: string; step: string }[]; data?: Json };
  if (text === undefined) return [`answer: ${jsonText(answer, 2)}`];
  const cited = (claims ?? []).flatMap(({ claim, step }) => fold(`[${step}] ${claim}`).map((line) => `  ${line}`));
  return [...fold(`answer: ${text}`), ...cited, ...(data === undefined ? [] : [`data: ${jsonText(data, 2)}`])];
}

/** What the models came to; and whether they were any. */
export function costLines({ calls, inputTokens, outputTokens, costMicrousd, scripted }: Run['usage']): string[] {
  if (calls === 0) return [];
  const cost = costMicrousd === undefined ? 'at no known price' : `${(costMicrousd / 1e6).toFixed(4)} USD`;
  const line = `models: ${counted(calls, 'call')}, ${inputTokens} tokens in, ${outputTokens} out, ${cost}`;
  return scripted
    ? [line, 'scripted: answers came from scripts, not from a model; OPENAI_API_KEY, OPENAI_BASE_URL or REEL_MODELS name one']
    : [line];
}
