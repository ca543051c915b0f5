/** Command lines that are suggested to people: they copy them into a shell, so that each word has to stay one word, and no word an order. */

type Suggestion = {
  /** Ours, and plain: `npx reel approve`. */
  readonly command: string;
  /** By their long names, without the dashes. */
  readonly options?: { readonly [name: string]: string };
  readonly operands?: readonly string[];
};

/** One word of a POSIX shell. */
export const shellWord = (text: string): string => (/^[\w@%+:,./=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** A command line that passes exactly these values, whatever they contain. A value that begins with a dash is not taken for an option. */
export function commandLine({ command, options = {}, operands = [] }: Suggestion): string {
  const given = Object.entries(options).map(([name, value]) =>
    value.startsWith('-') ? `--${name}=${shellWord(value)}` : `--${name} ${shellWord(value)}`,
  );
  const words = operands.map(shellWord);
  return [command, ...(operands.some((one) => one.startsWith('-')) ? [...given, '--', ...words] : [...words, ...given])].join(' ');
}
