/** Files of policies as people wrote them, and how something in them is pointed at. */
import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs';

/** The policies cannot be used as they are; the message says where, what and what to do. */
export class PolicyError extends Error {}

export type PolicyFile = { readonly path: string; readonly name: string; readonly text: string };

/** What Cedar says is wrong with a file. */
export function describe(file: PolicyFile, error: DetailedError): string {
  const [at] = error.sourceLocations ?? [];
  const where = at === undefined ? file.path : placeIn(file, indexOf(file.text, at.start));
  return `${where}: ${inWords(error)}: correct it and start again`;
}

/** Cedar says this of 5000.5, and of a decimal beside a sign of comparison. */
const FRACTION = /^unexpected token `\d+`|saw decimal$/;
const FRACTIONS = 'a fraction is compared by a method, as in context.arguments.total.greaterThan(decimal("0.5"))';

export function inWords({ message, help, sourceLocations }: DetailedError): string {
  const hints = [sourceLocations?.[0]?.label, help, FRACTION.test(message) ? FRACTIONS : undefined].filter((hint) => hint != null);
  return `${message}${hints.length > 0 ? ` (${hints.join('; ')})` : ''}`;
}

/** Cedar counts bytes. */
export const indexOf = (text: string, byte: number): number => Buffer.from(text).subarray(0, byte).toString().length;

/** `path:line:column` */
export function placeIn({ path, text }: PolicyFile, index: number): string {
  const before = text.slice(0, index).split('\n');
  return `${path}:${before.length}:${(before.at(-1) as string).length + 1}`;
}

/** Where the last of these names stands, after the others if it does so anywhere; 0 where it does not stand at all. */
export function indexIn(text: string, names: readonly string[]): number {
  const tokens = tokensOf(text);
  const follows = (k: number): boolean => names.every((name, back) => tokens[k - names.length + 1 + back]?.text === name);
  const token = tokens.find((_, k) => follows(k)) ?? tokens.find((one) => one.text === names.at(-1));
  return token?.index ?? 0;
}

/** The names and texts of a policy in their order, without what stands between them. */
export function tokensOf(text: string): { readonly text: string; readonly index: number }[] {
  const tokens = text.matchAll(/\/\/[^\n]*|"((?:[^"\\]|\\.)*)(?:"|$)|[A-Za-z_]\w*/g);
  const isName = ({ 0: token }: RegExpExecArray): boolean => !token.startsWith('//') && token !== 'has';
  return [...tokens].filter(isName).map(({ 0: token, 1: quoted, index }) => ({ text: quoted ?? token, index }));
}
