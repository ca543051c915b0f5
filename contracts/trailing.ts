/** The text without these letters at its end. A pattern such as `/x+$/` would take quadratic time. */
export function withoutTrailing(text: string, letter: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === letter) end -= 1;
  return text.slice(0, end);
}
