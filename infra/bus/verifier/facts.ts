/** Rules about any fact: that it can be read, stands on something, stands once, is its teller's to say, and answers what came before. */
import { aboutOf, parseAddress } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { isInvalid } from '../history.ts';
import { notTheirs } from './publishers.ts';
import { rule } from './rule.ts';
import { said } from './view.ts';

const readable = rule('readable', 'Every fact can be read.', ({ entries }, tell) => {
  for (const entry of entries) if (isInvalid(entry) && entry.without === undefined) tell(entry, entry.invalid);
});

const founded = rule(
  'founded',
  'What must stand before a fact at its place stands there: no outcome without leave, no leave without a question.',
  ({ entries }, tell) => {
    for (const entry of entries) if (isInvalid(entry) && entry.without !== undefined) tell(entry, entry.invalid);
  },
);

const once = rule('once', 'A slot is decided once.', ({ entries, byAddress }, tell) => {
  for (const entry of entries) {
    const first = byAddress.get(entry.address);
    if (first !== entry) tell(entry, `it is decided again at position ${entry.seq}, after ${first?.seq}`);
  }
});

const begun = rule('begun', 'A run begins with its request.', ({ entries, request }, tell) => {
  const first = entries[0];
  if (first === undefined || aboutOf(first.at.kind) === 'claim') return;
  if (first.at.kind !== 'run' || first.at.slot !== 'request')
    tell(first, request === undefined ? 'its run was not requested' : 'it was published before its run was requested');
});

const told = rule('told', 'Every fact is published by a service that may publish it.', ({ facts, cast }, tell) => {
  if (cast === undefined) return;
  for (const fact of facts) {
    const why = notTheirs(cast, fact);
    if (why !== undefined) tell(fact, why);
  }
});

/** What a person or a program outside says answers nothing, or nothing in its own run. */
const isFromOutside = ({ at }: Event): boolean =>
  ['claim', 'vote'].includes(aboutOf(at.kind)) || (at.kind === 'run' && (at.slot === 'request' || at.slot === 'control'));

const caused = rule('caused', 'Every fact answers one that came before it.', ({ facts, byAddress }, tell) => {
  for (const fact of facts) {
    const { address, cause, seq, at } = fact;
    if (isFromOutside(fact) && (cause === address || parseAddress(cause)?.run !== at.run)) continue;
    const answered = byAddress.get(cause);
    if (cause === address) tell(fact, 'it answers itself');
    else if (answered === undefined) tell(fact, `it answers ${cause}, which is not there`);
    else if (answered.seq >= seq) tell(fact, `it answers ${cause}, which came later`);
  }
});

const faulted = rule('faulted', 'A fault is about a fact that stands where it says.', ({ facts, byAddress }, tell) => {
  for (const fact of facts) {
    if (fact.type !== faultRaised.type) continue;
    const event = said(fact)['event'] as string;
    const about = byAddress.get(event);
    if (about === undefined) tell(fact, `it is about ${event}, which is not there`);
    else if (about.seq !== fact.at.n) tell(fact, `it is about position ${fact.at.n}, and ${event} stands at ${about.seq}`);
  }
});

export const aboutFacts = [readable, founded, once, begun, told, caused, faulted];
