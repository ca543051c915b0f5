/** How long a run may take: the requested time, or an hour plus the time that its people have. Pure. */
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { graphOf } from '@reel/contracts/workflow/graph.ts';

const HOUR_MS = 3_600_000;
/** Half of the retention of the log: slots reopen when facts age out, and a run must have ended long before. */
const LONGEST_MS = 15 * 24 * HOUR_MS;

type Finding = { readonly path: string; readonly message: string };

/** @param asked ms, of the request; it overrides the workflow's own. */
export function lifetimeOf(workflow: Workflow, asked: number | undefined): { readonly lifeMs: number } | { readonly wrong: Finding } {
  const given = asked ?? workflow.deadlineMs;
  const where = asked === undefined ? 'body.workflow.deadlineMs' : 'body.deadlineMs';
  if (given !== undefined && given > LONGEST_MS)
    return {
      wrong: { path: where, message: `it is ${inWords(given)}, and may be at most ${inWords(LONGEST_MS)}: facts are kept for 30 days` },
    };
  for (const [index, step] of workflow.steps.entries()) {
    const timeMs = peopleMs(step);
    const path = `body.workflow.steps[${index}].timeoutMs`;
    if (timeMs > LONGEST_MS)
      return {
        wrong: { path, message: `a person may take ${inWords(timeMs)}, and a run at most ${inWords(LONGEST_MS)}: give them less time` },
      };
    if (given !== undefined && timeMs > given) {
      const message = `a person may take ${inWords(timeMs)}, and the run only ${inWords(given)}: raise deadlineMs, leave it out, or give them less time`;
      return { wrong: { path, message } };
    }
  }
  return { lifeMs: given ?? Math.min(LONGEST_MS, HOUR_MS + longestMs(workflow)) };
}

/** The explicit time of people at a step, in ms. */
const peopleMs = ({ kind, timeoutMs = 0, fallback }: WorkflowStep): number =>
  (kind === 'person' ? timeoutMs : 0) + (fallback?.kind === 'person' ? (fallback.timeoutMs ?? 0) : 0);

/** The time of people on the longest path, plus the time of an escalation. */
function longestMs(workflow: Workflow): number {
  const { byId } = graphOf(workflow);
  const known = new Map<string, number>();
  // Rows may be thousands of steps long: no recursion.
  const waiting = [...byId.values()];
  for (let step = waiting.at(-1); step !== undefined; step = waiting.at(-1)) {
    const missing = step.dependsOn.flatMap((id) => (known.has(id) ? [] : (byId.get(id) ?? [])));
    if (missing.length > 0 && !known.has(step.id)) waiting.push(...missing);
    else {
      waiting.pop();
      known.set(step.id, Math.max(0, ...step.dependsOn.map((id) => known.get(id) ?? 0)) + peopleMs(step));
    }
  }
  return Math.max(0, ...known.values()) + (workflow.escalate ?? []).reduce((sum, { withinMs }) => sum + withinMs, 0);
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', HOUR_MS],
  ['minute', 60_000],
  ['second', 1_000],
  ['ms', 1],
] as const;

/** `14 days`; rounded to a tenth of its unit. */
function inWords(ms: number): string {
  const [unit, size] = UNITS.find(([, one]) => ms >= one) ?? UNITS[4];
  const count = Math.round((ms / size) * 10) / 10;
  return `${count} ${unit}${count === 1 || unit === 'ms' ? '' : 's'}`;
}
