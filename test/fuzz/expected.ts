/** What has to come of an answer, said by the case that made it up. */
import type { JsonSchema } from '@reel/contracts/envelope.ts';
import { depthOf, isCarried, NULL, objectTree, type Tree, textTree, treeOf } from './tree.ts';

export type Expected =
  /** A success, with one of these results. */
  | { readonly is: 'done'; readonly values: readonly Tree[] }
  /** No success. `isOpen`: nothing says that it was not done, so that a tool with an effect leaves that open. */
  | { readonly is: 'failed'; readonly isOpen?: boolean }
  /** No success, or one with one of these results. */
  | { readonly is: 'either'; readonly values: readonly Tree[] };

/** A result has fewer levels than a fact, by what stands around it. */
const LEVELS = 498;
export const done = (...values: readonly Tree[]): Expected =>
  values.some((one) => depthOf(one) > LEVELS) ? { is: 'failed', isOpen: true } : { is: 'done', values };

export const textResult = (text: string): Tree => objectTree({ text: textTree(text) });
export const bytesResult = (bytes: Buffer, mediaType: string): Tree =>
  objectTree({ base64: textTree(bytes.toString('base64')), mediaType: textTree(mediaType) });

/** The text of a number that no double carries is taken for one. */
const isDigits = ({ is, text }: Tree & { readonly text?: string }): boolean =>
  is === 'text' && /^[-\d]/.test(text) && treeOf(text)?.is === 'number' && !isCarried(text.trim());

/** What tools promise, and whether a value keeps to it, without any schema. `false`: nothing ever does. */
export const PROMISES = {
  nothing: { schema: undefined, keeps: (): boolean => false },
  anything: { schema: {}, keeps: (): boolean => true },
  object: { schema: { type: 'object' }, keeps: ({ is }: Tree): boolean => is === 'object' },
  list: { schema: { type: 'array' }, keeps: ({ is }: Tree): boolean => is === 'list' },
  number: { schema: { type: 'number' }, keeps: (one: Tree): boolean => one.is === 'number' || isDigits(one) },
  null: { schema: { type: ['null', 'boolean'] }, keeps: ({ is }: Tree): boolean => is === 'word' },
  false: { schema: { type: 'object', required: ['not there'] }, keeps: (): boolean => false },
} satisfies { readonly [name: string]: { readonly schema: JsonSchema | undefined; keeps(value: Tree): boolean } };
export type Promised = keyof typeof PROMISES;
export const PROMISED = Object.keys(PROMISES) as readonly Promised[];

export { NULL };
