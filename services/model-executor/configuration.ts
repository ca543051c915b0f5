/** Which models are configured: one by the environment, several by a file, or none, and then a stand-in answers from scripts. */
import { filled, keepFromAddress, keepIfSecret, keepSecret } from '@reel/bus/runtime/secrets.ts';
import { ModelDefinition, PriceClass } from '@reel/contracts/model.ts';
import { z } from 'zod';
import { RequestSettings } from './dialect.ts';
import { isPrice, type Price, priceFor, readPrices } from './prices.ts';
import { type Complain, ConfigError, readYaml, shown } from './yaml-file.ts';

/** A model and how to reach it. */
export type Model = {
  readonly definition: ModelDefinition;
  /** What its provider calls it. */
  readonly id: string;
  /** Undefined: OpenAI's own. */
  readonly baseUrl: string | undefined;
  /** Undefined for a provider that asks for none. */
  readonly apiKey: string | undefined;
  /** How much an answer may have as it comes, in bytes. */
  readonly answerBytes: number;
  /** Undefined where the price list does not know it. */
  readonly price: Price | undefined;
  readonly request: RequestSettings;
};

/** Node's timers know no longer wait, in ms; a longer one would be over at once. */
export const LONGEST_MS = 2 ** 31 - 1;

/** What Reel itself asks of models: a model that is configured by the environment alone is taken to be good for all of it. */
export const EVERYTHING = ['plan', 'answer', 'structured', 'judge'];

/** Each piece of an answer is wrapped in a hundred times its length: 64 MiB are some 200,000 tokens. */
export const ANSWER_BYTES = 64 * 1024 * 1024;

const Entry = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/, 'expected a name of letters, digits and . _ : / -'),
  /** What the provider calls it; its name by default. */
  model: z.string().min(1).optional(),
  baseUrl: z.string().optional(),
  apiKey: z.string().min(1).optional(),
  capabilities: z.array(z.string().min(1)).default([]),
  price: PriceClass.default('medium'),
  /** ms, where a plan does not say */
  timeoutMs: z.int().positive().max(LONGEST_MS).optional(),
  limits: z
    .strictObject({
      answerBytes: z
        .int()
        .min(1024)
        .max(1024 * 1024 * 1024)
        .default(ANSWER_BYTES),
    })
    .prefault({}),
  /** How the provider wants to be asked, where it cannot be found out. */
  request: RequestSettings.prefault({}),
  microusdPerMillionInput: z.number().min(0).optional(),
  microusdPerMillionOutput: z.number().min(0).optional(),
});
const File = z.strictObject({ models: z.array(Entry).min(1, 'expected at least one model') });

/**
 * The models that `env` configures, in order; undefined when it configures none.
 * @throws ConfigError
 */
export async function readModels(env: NodeJS.ProcessEnv): Promise<readonly Model[] | undefined> {
  const file = env['REEL_MODELS'];
  if (file !== undefined) return await fromFile(file, env);
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl, REEL_MODEL: name } = env;
  if (!apiKey && !baseUrl) return undefined;
  const complain: Complain = (path, message) => {
    throw new ConfigError(`${path.join('.')}: ${message}`);
  };
  if (!name)
    complain(['REEL_MODEL'], 'expected the name of a model of the provider that OPENAI_API_KEY or OPENAI_BASE_URL gives, is missing');
  if (baseUrl) checkUrl(baseUrl, ['OPENAI_BASE_URL'], complain);
  if (apiKey) keepSecret(apiKey, 'OPENAI_API_KEY');
  if (baseUrl) keepFromAddress(baseUrl, 'OPENAI_BASE_URL');
  const prices = await readPrices(env);
  const definition = ModelDefinition.parse({ name, capabilities: EVERYTHING });
  const { name: id } = definition;
  const price = priceFor(prices, id);
  const request = RequestSettings.parse({});
  return [{ definition, id, baseUrl: baseUrl || undefined, apiKey: apiKey || undefined, answerBytes: ANSWER_BYTES, price, request }];
}

async function fromFile(file: string, env: NodeJS.ProcessEnv): Promise<Model[]> {
  const { value, complain } = await readYaml(file, File, 'REEL_MODELS has to name the list of the models');
  const prices = await readPrices(env);
  const names = new Set<string>();
  return value.models.map((entry, place) => {
    const path = ['models', place];
    const { name, capabilities, price, timeoutMs } = entry;
    if (names.has(name)) complain([...path, 'name'], `expected a name that no other model in the file has, is ${shown(name)}`);
    names.add(name);
    const filled = (field: 'apiKey' | 'baseUrl'): string | undefined =>
      entry[field] === undefined ? undefined : fill(entry[field], env, [...path, field], complain);
    const baseUrl = filled('baseUrl');
    const apiKey = filled('apiKey');
    if (apiKey !== undefined) keepSecret(apiKey, [...path, 'apiKey'].join('.'));
    if (baseUrl !== undefined) {
      checkUrl(baseUrl, [...path, 'baseUrl'], complain);
      keepFromAddress(baseUrl, [...path, 'baseUrl'].join('.'));
    } else if (apiKey === undefined) complain(path, 'expected a baseUrl, or an apiKey for OpenAI itself, has neither');
    const { microusdPerMillionInput, microusdPerMillionOutput } = entry;
    const own = { microusdPerMillionInput, microusdPerMillionOutput };
    const halves = Object.values(own).filter((half) => half !== undefined).length;
    if (halves === 1) complain(path, 'expected microusdPerMillionInput and microusdPerMillionOutput together, has one alone');
    const id = entry.model ?? name;
    const definition = { name, capabilities, price, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    const headers = Object.entries(entry.request.headers).map(([header, value]): [string, string] => {
      const whole = fill(value, env, [...path, 'request', 'headers', header], complain);
      keepIfSecret(header, whole);
      return [header, whole];
    });
    const request = { ...entry.request, headers: Object.fromEntries(headers) };
    const known = isPrice(own) ? own : priceFor(prices, id);
    return { definition, id, baseUrl, apiKey, answerBytes: entry.limits.answerBytes, price: known, request };
  });
}

const fill = (text: string, env: NodeJS.ProcessEnv, path: readonly PropertyKey[], complain: Complain): string =>
  filled(text, env, (what) => complain(path, what));

function checkUrl(url: string, path: readonly PropertyKey[], complain: Complain): void {
  if (!/^https?:/.test(url) || !URL.canParse(url)) complain(path, `expected an http or https URL, is ${shown(url)}`);
}
