/** Text normalized for the detectors: one kind of digit, space and dash, and no invisible characters. */

/** Full-width and other compatibility forms, digits of all scripts, exotic spaces and dashes become what a keyboard has. */
export function readable(text: string): string {
  if (/^[\t\n\r -~]*$/.test(text)) return text;
  return text
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/\p{Zs}/gu, ' ')
    .replace(/[\p{Pd}\u2212]/gu, '-')
    .replace(/[\u00b7\u2022\u2219\u22c5\u30fb]/g, '.')
    .replace(/(?![0-9])\p{Nd}/gu, digit);
}

/** Unicode keeps the ten digits of a script together, from zero on. */
function digit(character: string): string {
  const code = character.codePointAt(0) as number;
  let zero = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String((code - zero) % 10);
}

/** The name of a member as lower-case words: `dateOfBirth`, `date_of_birth` and `date-of-birth` are "date of birth". */
export const wordsOf = (name: string): string =>
  readable(name)
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[\s_.-]+/g, ' ')
    .trim()
    .toLowerCase();
