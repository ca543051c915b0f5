/** Chance that can be repeated: mulberry32 (Tommy Ettinger, public domain), one 32-bit seed. */
export type Random = {
  /** From 0 (included) to 1 (excluded). */
  next(): number;
  /** True with this probability. */
  happens(probability: number): boolean;
  /** A whole number from 0 to `below - 1`. */
  below(below: number): number;
};

export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, happens: (probability) => next() < probability, below: (below) => Math.floor(next() * below) };
}

/** The same chance for the same name under the same seed, however often and in whatever order it comes up. */
export const randomFor = (seed: number, name: string): Random => random(fnv1a(name, seed));

/** FNV-1a (Fowler, Noll, Vo; public domain), begun from the seed. */
function fnv1a(text: string, seed: number): number {
  let hash = (2_166_136_261 ^ Math.imul(seed, 0x9e3779b1)) >>> 0;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 16_777_619);
  return hash >>> 0;
}
