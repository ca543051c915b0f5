/** Turns a submitted goal into the frame of a workflow: no steps yet, but the shape of the answer and the escalation. */

import type { JsonSchema } from '@reel/contracts/envelope.ts';
import { compileSchema } from '@reel/contracts/schema.ts';
import { compile } from '@reel/contracts/workflow/expression.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import { type Capabilities, unavailable } from './capabilities.ts';
import { HttpProblem, serviceUnavailable } from './problems.ts';
import type { GoalRequest } from './shapes.ts';

/** The workflow's name, which policies are written for: `Workflow::"goal"`. */
const NAME = 'goal';
const LEVEL_MS = 600_000;

/** @throws HttpProblem when the checks of the answer are invalid, or no model has a capability that the goal needs. */
export function frameOf(
  { answer, escalate, rubric }: GoalRequest,
  requestedBy: string,
  { kinds, models }: Pick<Capabilities, 'kinds' | 'models'>,
): Workflow {
  const errors = [...wrongSchema(answer?.schema), ...(answer?.assert ?? []).flatMap(wrongExpression)];
  if (errors.length > 0)
    throw new HttpProblem(
      422,
      'invalid-goal',
      'Invalid checks of the answer',
      `${errors.length} ${errors.length === 1 ? 'error' : 'errors'}: see \`errors\``,
      errors,
    );
  const missing = unavailable(kinds);
  if (missing.length > 0) throw serviceUnavailable(`a goal needs the ${missing.join(', ')}, which is not running: start it, or retry`);
  for (const capability of ['plan', 'answer', ...(rubric === undefined ? [] : ['judge'])]) {
    if (models.some(({ capabilities }) => capabilities.includes(capability))) continue;
    const there = models.map(({ name, capabilities }) => `${name} (${capabilities.join(', ')})`).join('; ') || 'none';
    const detail = `a goal needs a model with the capability "${capability}"; available: ${there}. Start the model-executor, and configure it with OPENAI_API_KEY, OPENAI_BASE_URL and REEL_MODEL, or REEL_MODELS`;
    throw new HttpProblem(422, 'no-model', 'There is no model for this goal', detail, [{ path: 'body.goal', message: detail }]);
  }
  const escalation = [...new Set([requestedBy, 'operators'])].map((to) => ({ to, withinMs: LEVEL_MS }));
  return {
    name: NAME,
    steps: [],
    escalate: escalate ?? escalation,
    answer: { value: null, schema: answerSchema(answer?.schema), assert: answer?.assert ?? [] },
  };
}

/** The schema of the composed answer: text, the claims with the steps they rest on, and data if the goal asks for it. */
function answerSchema(data: JsonSchema | undefined): JsonSchema {
  const claim = {
    type: 'object',
    required: ['claim', 'step'],
    properties: {
      claim: { type: 'string', description: 'a statement in the answer' },
      step: { type: 'string', description: 'the id of the step whose result it rests on' },
    },
  };
  return {
    type: 'object',
    required: ['text', 'claims', ...(data === undefined ? [] : ['data'])],
    properties: {
      text: { type: 'string', minLength: 1 },
      claims: { type: 'array', items: claim },
      ...(data === undefined ? {} : { data: { $id: 'urn:reel:data', ...data } }),
    },
  };
}

/** The names that an assertion about the answer may use. */
const NAMES = ['input', 'steps', 'result'];

type FieldError = { path: string; message: string };

function wrongSchema(schema: JsonSchema | undefined): FieldError[] {
  if (schema === undefined) return [];
  try {
    compileSchema(schema);
    return [];
  } catch (error) {
    return [{ path: 'body.goal.answer.schema', message: (error as Error).message }];
  }
}

function wrongExpression(source: string, index: number): FieldError[] {
  const path = `body.goal.answer.assert[${index}]`;
  try {
    const strange = compile(source).references.names.filter((name) => !NAMES.includes(name));
    return strange.map((name) => ({ path, message: `there is no "${name}" here, only ${NAMES.join(', ')} (in \`${source}\`)` }));
  } catch (error) {
    return [{ path, message: (error as Error).message }];
  }
}
