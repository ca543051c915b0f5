/** That nobody can tell what was done is nobody's fault. It has to be told all the same: as a fault about the verdict that was acted on. */
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { type Place, parseAddress } from '@reel/contracts/address.ts';
import type { EventOf } from '@reel/contracts/story.ts';

type Fault = EventOf<'fault.fault.raised'>;

export const faultsIn = (entries: readonly Entry[]): Fault[] =>
  entries.filter((one): one is Fault => !isInvalid(one) && one.type === 'fault.fault.raised');

export const isDoubt = ({ data }: Fault): boolean => data.problem.code === 'unknown-effect';

/** The fault of what no process survives. */
export const isUndeliverable = ({ data }: Fault): boolean => data.problem.code === 'undeliverable';

/** The attempts of which a run tells that nobody knows whether they took effect. */
export const doubtsIn = (entries: readonly Entry[]): Place[] =>
  faultsIn(entries)
    .filter(isDoubt)
    .flatMap(({ data }) => parseAddress(data.event) ?? []);
