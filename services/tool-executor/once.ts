/** For what must not be done twice at a time, and has to be done anew for whoever asks. */

/** Whoever asks while it is being done waits for the next time, which begins afterwards and is for all who asked meanwhile. */
export function once(doIt: () => Promise<void>): () => Promise<void> {
  let current = Promise.resolve();
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    next = undefined;
    return (current = doIt());
  };
  return () => (next ??= current.then(begin, begin));
}
