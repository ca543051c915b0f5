/** One digest for everything that is bound by content: SHA-256 over canonical JSON (RFC 8785's key order). */
import { hash } from 'node:crypto';

/** `sha256:<hex>` of a JSON value; equal for values that differ only in the order of their keys. */
export const digestOf = (value: unknown): string => `sha256:${hash('sha256', canonical(value))}`;

/** JSON with the keys of every object sorted; `undefined` members are left out, as JSON.stringify does. */
export const canonical = (value: unknown): string => JSON.stringify(value, sortKeys);

function sortKeys(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const keys = Object.keys(value);
  if (keys.every((key, i) => i === 0 || (keys[i - 1] as string) < key)) return value;
  return Object.fromEntries(keys.sort().map((key) => [key, (value as Record<string, unknown>)[key]]));
}
