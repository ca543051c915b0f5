/** Which model a step is given: told from what it needs and what there was when the run was requested, so that everybody agrees on it. */
import { type ModelDefinition, PriceClass } from '../model.ts';
import type { PlannedAttempt } from './attempt.ts';

/**
 * The models that may be asked, in the order in which attempts go through them: the named one alone; otherwise all that have the
 * capabilities and are not too dear, the cheapest first.
 */
export function candidatesFor(
  { uses, needs }: Pick<PlannedAttempt, 'uses' | 'needs'>,
  models: readonly ModelDefinition[],
): readonly ModelDefinition[] {
  if (uses !== '') return models.filter(({ name }) => name === uses);
  const fits = ({ capabilities, price }: ModelDefinition): boolean =>
    (needs?.capabilities ?? []).every((one) => capabilities.includes(one)) &&
    (needs?.price === undefined || rank(price) <= rank(needs.price));
  return models.filter(fits).sort((a, b) => rank(a.price) - rank(b.price));
}

const rank = (price: PriceClass): number => PriceClass.options.indexOf(price);

/** The model for attempt `n`: each attempt goes to the next candidate, and after the last to the first again. */
export const modelFor = (candidates: readonly ModelDefinition[], n: number): ModelDefinition | undefined =>
  candidates[(n - 1) % Math.max(candidates.length, 1)];

/** What a step wants of a model, in words. */
export function wanted({ uses, needs }: Pick<PlannedAttempt, 'uses' | 'needs'>): string {
  if (uses !== '') return `named "${uses}"`;
  const able = needs?.capabilities.length ? `that can ${needs.capabilities.join(', ')}` : 'of any kind';
  return needs?.price === undefined ? able : `${able}, at price ${needs.price} or less`;
}
