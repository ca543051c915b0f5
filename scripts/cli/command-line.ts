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

/** The command line that gives exactly these values, whatever is in them. What begins with a dash is no option for it. */
export function commandLine({ command, options = {}, operands = [] }: Suggestion): string {
  const given = Object.entries(options).map(([name, value]) =>
    value.startsWith('-') ? `--${name}=${shellWord(value)}` : `--${name} ${shellWord(value)}`,
  );
  const words = operands.map(shellWord);
  return [command, ...(operands.some((one) => one.startsWith('-')) ? [...given, '--', ...words] : [...words, ...given])].join(' ');
}
