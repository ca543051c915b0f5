/** How the command line ends: the class of the trouble, for scripts. */
export const EXIT = {
  /** What was asked for is done, and is well. */
  done: 0,
  /** It is done, and the answer is no: the run did not succeed, something was found. */
  no: 1,
  /** What was asked for is wrong: an option, a file, the input. */
  usage: 2,
  /** There is no such run, step or approval. */
  missing: 3,
  /** It does not count, or is decided already. */
  conflict: 4,
  /** No answer, or not now: trying again may help. */
  unavailable: 5,
} as const;

/** The class of an HTTP answer. */
export function exitOf(status: number): number {
  if (status === 404) return EXIT.missing;
  if (status === 403 || status === 409 || status === 410) return EXIT.conflict;
  if (status === 408 || status === 429 || status >= 500) return EXIT.unavailable;
  return EXIT.usage;
}
