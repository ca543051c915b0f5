/** JSONata's functions: objects with marks, and a function inside. */

/** True for a function, and not for mere data that bears the marks of one. */
export function isFunction(value: unknown): boolean {
  if (typeof value === 'function') return true;
  const { _jsonata_lambda, _jsonata_function, apply, environment, implementation } = (value ?? {}) as { [key: string]: unknown };
  if (_jsonata_function === true) return typeof implementation === 'function';
  // One that has been given some of its arguments has no function of its own, but remembers where it was made.
  const frame = environment as { lookup?: unknown } | undefined;
  return _jsonata_lambda === true && (typeof apply === 'function' || typeof frame?.lookup === 'function');
}
