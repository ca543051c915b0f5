/** The person of the demo: looks at what is held, picks, and says why. A real one would use `npx reel approve` or a page. */
import type { ApprovalPage, Ruling } from '@reel/gateway/shapes.ts';
import { ask } from '../api.ts';

/** Grants everything that waits for a person in this run; of a choice, takes the first. */
export async function decide(run: string, who: string): Promise<void> {
  const { approvals } = await ask<ApprovalPage>('GET', `/v1/approvals?run=${run}`);
  for (const { id, form } of approvals) {
    const filled = form === undefined ? {} : { form: fill(form) };
    await ask<Ruling>('POST', `/v1/approvals/${id}`, { decision: 'grant', who, why: 'the first of the list suits me', ...filled });
  }
}

type Schema = { type?: string; enum?: unknown[]; properties?: { [name: string]: Schema } };

/** Fills a form with the first of every choice. */
function fill({ type, enum: choices, properties = {} }: Schema): unknown {
  if (choices !== undefined) return choices[0];
  if (type === 'string') return 'as you like it';
  if (type === 'boolean') return true;
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, fill(schema)]));
}
