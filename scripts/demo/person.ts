/** The person of the demo: looks at what is held, picks, and says why. A real one would use `npx reel approve` or a page. */
import type { Json } from '@reel/contracts/envelope.ts';
import type { ApprovalPage, Ruling } from '@reel/gateway/shapes.ts';
import { ask } from '../cli/api.ts';

/** Grants everything that waits for a person in this run. @param answers forms by step; of one that is not named, the first of every choice is taken. */
export async function decide(run: string, who: string, answers: { readonly [step: string]: Json } = {}): Promise<void> {
  const { approvals } = await ask<ApprovalPage>('GET', `/v1/approvals?run=${run}`);
  for (const { id, step, form } of approvals) {
    const known = answers[step];
    const said = form === undefined ? {} : { form: known ?? filled(form) };
    const why = known === undefined ? 'the first of the list suits me' : 'as I say';
    await ask<Ruling>('POST', `/v1/approvals/${id}`, { decision: 'grant', who, why, ...said });
  }
}

type Schema = { type?: string; enum?: Json[]; properties?: { [name: string]: Schema } };

/** A form, filled in with the first of every choice. */
export function filled({ type, enum: choices, properties = {} }: Schema): Json {
  if (choices !== undefined) return choices[0] ?? null;
  if (type === 'string') return 'as you like it';
  if (type === 'boolean') return true;
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, filled(schema)]));
}
