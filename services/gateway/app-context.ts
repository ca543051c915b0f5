/** The dependencies of the HTTP API. */
import { randomBytes } from 'node:crypto';
import type { Edge } from '@reel/bus/edge.ts';
import type { Logger } from '@reel/bus/service.ts';
import type { Admission, Followers } from './admission.ts';
import type { Runs } from './runs.ts';

export type Surroundings = {
  readonly edge: Edge;
  readonly runs: Runs;
  readonly admission: Admission;
  /** Callers that follow the events of a run, and callers that wait for its end. */
  readonly streams: Followers;
  readonly waiting: Followers;
  readonly log: Logger;
  /** Host names under which the gateway may be called, besides those of this machine. Others are refused, against DNS rebinding. */
  readonly names: readonly string[];
  readonly closing: AbortSignal;
};

/** The trace that a request belongs to: its own, or a new one (W3C Trace Context). */
export function traceOf(header: string | undefined): string {
  if (header !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(header)) return header;
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
