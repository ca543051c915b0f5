/** What models cost, from a file: whoever pays knows better than any code what their contract says. */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readYaml } from './yaml-file.ts';

const Price = z.strictObject({ microusdPerMillionInput: z.number().min(0), microusdPerMillionOutput: z.number().min(0) });
/** Millionths of a US dollar per million tokens. */
export type Price = z.infer<typeof Price>;

const List = z.strictObject({ models: z.record(z.string(), Price) });
export type Prices = ReadonlyMap<string, Price>;

/** The price list that REEL_PRICES names, or else the one beside this file. @throws ConfigError */
export async function readPrices(env: NodeJS.ProcessEnv): Promise<Prices> {
  const file = env['REEL_PRICES'] ?? fileURLToPath(new URL('./prices.yaml', import.meta.url));
  const { value } = await readYaml(file, List, 'REEL_PRICES has to name the price list of the models');
  return new Map(Object.entries(value.models));
}

/** What the model of this name costs; a dated version costs what the list says of its name without the date. */
export const priceFor = (prices: Prices, id: string): Price | undefined =>
  prices.get(id) ?? prices.get(id.replace(/-\d{4}-\d{2}-\d{2}$/, ''));

export const isPrice = (price: { [Half in keyof Price]: Price[Half] | undefined }): price is Price =>
  price.microusdPerMillionInput !== undefined && price.microusdPerMillionOutput !== undefined;

/** What so many tokens cost, in whole millionths of a US dollar, rounded up: nothing that is paid for is free. */
export const costOf = ({ microusdPerMillionInput, microusdPerMillionOutput }: Price, inputTokens: number, outputTokens: number): number =>
  Math.ceil((inputTokens * microusdPerMillionInput + outputTokens * microusdPerMillionOutput) / 1_000_000);
