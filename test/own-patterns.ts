/** Regular expressions as they stand in a source. */

/** A literal stands where no value has just ended; a slash after one divides. */
const LITERAL = /(?<=(?:^|[=(,:[!&|?{};>]|return)[ \n]*)\/((?![*/ ])(?:[^\\/[\n]|\\.|\[(?:[^\\\]\n]|\\.)*\])+)\/([dgimsuvy]*)/g;

/** Those of a source, comments left out. What is put together at run time is not among them. */
export function ours(source: string): RegExp[] {
  const code = source.replace(/^\s*(?:\/\*\*[\s\S]*?\*\/|\/\/.*|\*.*)$/gm, '');
  return [...code.matchAll(LITERAL)].flatMap(([, pattern = '', flags = '']) => {
    try {
      return [new RegExp(pattern, flags)];
    } catch {
      return [];
    }
  });
}
