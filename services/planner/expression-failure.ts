/** An expression of the plan that cannot be computed ends the plan: this is how it gets out, with the step it belongs to. */
import type { Problem } from '@reel/contracts/envelope.ts';
import { type Path, pathText } from '@reel/contracts/workflow/place.ts';
import { ExpressionError } from '@reel/contracts/workflow/program.ts';

export class ExpressionFailure extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Does something with expressions of a step, or of the answer when there is no step. @throws Uncomputable instead of ExpressionError. */
export async function inStep<T>(step: string | undefined, path: Path, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const where = step === undefined ? pathText(path) : `step "${step}", ${pathText(path)}`;
    const problem = { code: 'expression-failed', message: `${where}: ${error.message}`, retryable: false };
    throw new ExpressionFailure(step === undefined ? problem : { ...problem, step });
  }
}
