/** Effects in doubt are reported as faults about the verdict that was acted on, although no service is at fault. */
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { type Place, parseAddress } from '@reel/contracts/address.ts';
import type { EventOf } from '@reel/contracts/story.ts';

type Fault = EventOf<'fault.fault.raised'>;

export const faultsIn = (entries: readonly Entry[]): Fault[] =>
  entries.filter((one): one is Fault => !isInvalid(one) && one.type === 'fault.fault.raised');

export const isDoubt = ({ data }: Fault): boolean => data.problem.code === 'unknown-effect';

/** The fault of what no process survives. */
export const isUndeliverable = ({ data }: Fault): boolean => data.problem.code === 'undeliverable';

/** The attempts of a run that are in doubt. */
export const doubtsIn = (entries: readonly Entry[]): Place[] =>
  faultsIn(entries)
    .filter(isDoubt)
    .flatMap(({ data }) => parseAddress(data.event) ?? []);
