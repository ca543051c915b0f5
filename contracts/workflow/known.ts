/** What a workflow's expressions may count on: its input, and the results of its steps, as far as schemas say what those are. */
import type { JsonSchema } from '../envelope.ts';
import type { ToolDefinition } from '../tool.ts';
import type { PlannedAttempt } from './attempt.ts';
import { templateExpressions } from './expression.ts';
import type { Workflow, WorkflowStep } from './format.ts';
import { type Shape, shapeOf } from './shape.ts';

/** A model without a schema answers text. */
const TEXT: JsonSchema = { type: 'object', properties: { text: { type: 'string' } }, additionalProperties: false };

type Tool = Pick<ToolDefinition, 'input' | 'output'>;

/** What `result` and `arguments` are, where they are something. */
export type Own = { readonly result: Shape | undefined; readonly arguments?: Shape | undefined };

/** The shapes of everything in a scope. */
export type Known = (own?: Own) => Shape;

/** @param toolNamed what is known of a tool, if anything is. */
export function knownIn({ input, steps }: Pick<Workflow, 'input' | 'steps'>, toolNamed: (name: string) => Tool | undefined): Known {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const results: Shape = {
    fields: (id) => {
      const step = byId.get(id);
      return step === undefined ? undefined : { shape: resultOf(step, toolNamed) };
    },
  };
  const inputs = shapeOf(input);
  return (own) => ({
    fields: (name) => {
      if (name === 'input') return { shape: inputs };
      if (name === 'steps') return { shape: results };
      return own !== undefined && (name === 'result' || name === 'arguments') ? { shape: own[name] } : undefined;
    },
  });
}

/** What an attempt is given, and what it gives. */
export const ownOf = (attempt: PlannedAttempt, toolNamed: (name: string) => Tool | undefined): Own => ({
  result: promised(attempt, toolNamed),
  arguments: shapeOf(attempt.kind === 'tool' ? toolNamed(attempt.uses)?.input : undefined),
});

function resultOf(step: WorkflowStep, toolNamed: (name: string) => Tool | undefined): Shape | undefined {
  const own = promised(step, toolNamed);
  return step.fallback === undefined ? own : { either: [own, promised(step.fallback, toolNamed)] };
}

/** What a result has been checked against before anybody reads it. */
function promised({ kind, uses, output, form }: PlannedAttempt, toolNamed: (name: string) => Tool | undefined): Shape | undefined {
  const declared = kind === 'tool' ? toolNamed(uses)?.output : kind === 'person' ? formOf(form) : undefined;
  const shapes = [declared, output].flatMap((schema) => shapeOf(schema) ?? []);
  if (shapes.length === 0) return kind === 'model' ? shapeOf(TEXT) : undefined;
  return shapes.length === 1 ? shapes[0] : { whole: shapes };
}

/** A form that has yet to be filled in is a schema only then. */
const formOf = (form: PlannedAttempt['form']): JsonSchema | undefined =>
  form === undefined || templateExpressions(form).length > 0 ? undefined : form;
