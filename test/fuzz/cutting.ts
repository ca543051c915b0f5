/** How what is sent comes: in pieces. */

/** Bytes in pieces, cut anywhere, also within a character. */
export const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const ends = [...new Set([...places.map((place) => place % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end)).filter((piece) => piece.length > 0);
};
