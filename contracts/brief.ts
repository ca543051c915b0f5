/** Values in messages: as JSON, cut to a readable length. The cut part is never written, however large it is. */

/** The value as JSON, cut after `most` characters; `instead` when there is no value. */
export function brief(value: unknown, most = 80, instead = 'nothing'): string {
  if (value === undefined) return instead;
  const text = written(value, most + 1, 0);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Below this depth a text of this length would be brackets only. */
const DEEPEST = 32;

/** At least `most` characters of the value, or all of it. */
function written(value: unknown, most: number, depth: number): string {
  if (typeof value === 'string') return JSON.stringify(value.length > most ? value.slice(0, most) : value);
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') return String(value).slice(0, most);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (depth > DEEPEST) return '…';
  const list = Array.isArray(value);
  let text = list ? '[' : '{';
  let first = true;
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const member = (value as { [key: string]: unknown })[key];
    if (!list && member === undefined) continue;
    if (!first) text += ',';
    first = false;
    if (!list) text += `${written(key, most, depth)}:`;
    text += written(member, Math.max(1, most - text.length), depth + 1);
    if (text.length > most) return text;
  }
  return text + (list ? ']' : '}');
}
