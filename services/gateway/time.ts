/** Times as the HTTP API writes them. */

/** The largest time that a `Date` can hold, ms. */
const LAST_MS = 8.64e15;
/** A time as text. A time beyond what a date can hold is cut to it. */
export const iso = (ms: number): string => new Date(Math.max(-LAST_MS, Math.min(ms, LAST_MS))).toISOString();
