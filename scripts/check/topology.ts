/** The cast: who says what, and who hears it, printed from the code; with the mistakes that can be seen in it. */

import { publishedFacts, subscribedFacts } from '@reel/bus/runtime/perform.ts';
import type { AnyService } from '@reel/bus/service.ts';
import { story } from '@reel/contracts/story.ts';
import { load, SERVICES } from '@reel/services/main.ts';

export type Part = { readonly type: string; readonly tellers: readonly string[]; readonly listeners: readonly string[] };

/** Slots that more than one service may fill, because the fastest of them decides: see the rules of the log. */
const SHARED = new Set([
  'step.start',
  'undo.start',
  'step.outcome',
  'undo.outcome',
  'run.ruling',
  'plan.ruling',
  'step.ruling',
  'undo.ruling',
  'answer.ruling',
]);

/** Facts for readers: people, the gateway, the verifier. No service has to handle them. */
const FOR_READERS = new Set([
  'claim.claim.claimed',
  'step.request.skipped',
  'step.start.started',
  'undo.start.started',
  'step.residue.left',
  'vote.verdict.denied',
  'run.verdict.held',
  'plan.verdict.held',
  'step.verdict.held',
  'undo.verdict.held',
  'answer.verdict.held',
  'run.outcome.completed',
  'run.outcome.failed',
  'run.outcome.cancelled',
  'run.outcome.exhausted',
  'run.outcome.stranded',
]);

const says = (service: AnyService): readonly string[] =>
  (service.shape === 'performer' ? publishedFacts : service.publishes).map(({ type }) => type);
const hears = (service: AnyService): readonly string[] =>
  service.shape === 'performer' ? subscribedFacts.map(({ type }) => type) : service.shape === 'edge' ? [] : Object.keys(service.on);

/** Every fact with its tellers and listeners, in the order of a run; a performer stands for its kind. */
export function topologyOf(services: readonly AnyService[]): Part[] {
  return story.map(({ type }) => ({
    type,
    tellers: services.filter((service) => says(service).includes(type)).map(({ name }) => name),
    listeners: services.filter((service) => hears(service).includes(type)).map(({ name }) => name),
  }));
}

/** The mistakes in a topology: a fact that no service publishes or handles, and a slot with two undeclared publishers. */
export function topologyFaults(services: readonly AnyService[]): string[] {
  const faults: string[] = [];
  const slots = new Map<string, Set<string>>();
  for (const { type, tellers, listeners } of topologyOf(services)) {
    if (type === 'fault.fault.raised') continue;
    if (tellers.length === 0) faults.push(`${type}: no service publishes it`);
    if (listeners.length === 0 && !FOR_READERS.has(type)) faults.push(`${type}: no service handles it`);
    const slot = type.split('.').slice(0, 2).join('.');
    const performers = new Set(services.filter(({ shape }) => shape === 'performer').map(({ name }) => name));
    const at = slots.get(slot) ?? slots.set(slot, new Set()).get(slot);
    for (const teller of tellers) at?.add(performers.has(teller) ? 'its performer' : teller);
  }
  for (const [slot, tellers] of slots) {
    if (tellers.size > 1 && !SHARED.has(slot))
      faults.push(`${slot}: ${[...tellers].join(' and ')} may both fill it, which is not declared`);
  }
  return faults;
}

/** The services of this repository. */
export const ownServices = (): Promise<AnyService[]> => Promise.all(SERVICES.map(load));

/** The cast as a table for the terminal. */
export function topologyTable(parts: readonly Part[]): string {
  const rows = [
    ['fact', 'said by', 'heard by'],
    ...parts.map(({ type, tellers, listeners }) => [type, tellers.join(', ') || 'any', listeners.join(', ') || '(readers)']),
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows
    .map(([a, b, c]) => `${(a as string).padEnd(widths[0] as number)}  ${(b as string).padEnd(widths[1] as number)}  ${c}`)
    .join('\n');
}
