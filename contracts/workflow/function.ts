/** JSONata's functions: objects with marks, and a function inside. */

/** True for a function, and not for mere data that bears the marks of one. */
export function isFunction(value: unknown): boolean {
  if (typeof value === 'function') return true;
  const { _jsonata_lambda, _jsonata_function, apply, implementation } = (value ?? {}) as { [key: string]: unknown };
  return (_jsonata_lambda === true && typeof apply === 'function') || (_jsonata_function === true && typeof implementation === 'function');
}
