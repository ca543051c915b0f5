/** Asks models: any that speak Chat Completions, each call once, under the bus's performer protocol. */

import { TooMuch } from '@reel/bus/process/bounded-read.ts';
import { MAX_BYTES } from '@reel/bus/runtime/large-values.ts';
import { excerpt, tellWeakSecrets } from '@reel/bus/runtime/secrets.ts';
import { type ApprovedCall, type CallContext, definePerformer, Failure, type ServiceContext } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { compileSchema, SchemaError } from '@reel/contracts/schema.ts';
import { type Chat, openChat } from './chat.ts';
import { ANSWER_BYTES, EVERYTHING, LONGEST_MS, type Model, readModels } from './configuration.ts';
import { RequestSettings } from './dialect.ts';
import { detailsOf, failureOf, timedOut } from './failures.ts';
import { startOffline } from './offline/offline.ts';
import { heardMore, nothingYet } from './reply.ts';
import { resultOf } from './result.ts';
import { usageOf } from './usage.ts';

type Deps = { readonly models: ReadonlyMap<string, { readonly model: Model; readonly chat: Chat }> };

/** Opens the models that are configured, or the stand-in where none is, and offers them. @throws ConfigError */
export async function openModels({ env, log, offer }: ServiceContext) {
  const configured = await readModels(env);
  tellWeakSecrets(log);
  const offline = configured === undefined ? await startOffline({ folder: env['REEL_SCENARIOS'] }) : undefined;
  if (offline !== undefined) log.warn({ scripts: offline.scripts }, noticeOf(offline.scripts, env['REEL_SCENARIOS']));
  const models = configured ?? (offline === undefined ? [] : [scripted(offline.url)]);
  offer({ models: models.map(({ definition }) => definition) });
  const deps: Deps = { models: new Map(models.map((model) => [model.definition.name, { model, chat: openChat(model) }])) };
  return { deps, close: async () => await offline?.close() };
}

const noticeOf = (scripts: number, folder = 'no folder (REEL_SCENARIOS names one)'): string =>
  `no model is configured: answers are SCRIPTED, from ${scripts} script${scripts === 1 ? '' : 's'} in ${folder}; ` +
  'configure one with OPENAI_API_KEY and REEL_MODEL (and OPENAI_BASE_URL for a provider other than OpenAI), or several with REEL_MODELS';

const scripted = (baseUrl: string): Model => ({
  definition: { name: 'scripted', capabilities: EVERYTHING, price: 'low', scripted: true },
  id: 'scripted',
  baseUrl,
  apiKey: undefined,
  answerBytes: ANSWER_BYTES,
  request: RequestSettings.parse({}),
  price: { microusdPerMillionInput: 0, microusdPerMillionOutput: 0 },
});

/** Makes one approved call. @throws Failure with one of the codes that begin with `model-`. */
export async function performCall(call: ApprovedCall, { models, ...acting }: Deps & CallContext): Promise<Json> {
  const found = models.get(call.uses);
  if (found === undefined) {
    const there = [...models.keys()].join(', ');
    const message = `nobody offers the model "${call.uses}" at the moment (offered: ${there}); check the configuration of the model-executor`;
    throw new Failure({ code: 'model-unavailable', message, retryable: true });
  }
  checkOutput(call);
  const { model, chat } = found;
  const { name } = model.definition;
  const { signal, key, used, show, log } = acting;
  const begunMs = performance.now();
  // A little before the bus gives up on the call, so that the outcome says who did not answer.
  const patienceMs = Math.min(LONGEST_MS, call.timeoutMs - Math.min(500, Math.ceil(call.timeoutMs / 10)));
  const patience = AbortSignal.timeout(patienceMs);
  let reply = nothingYet;
  const tellUsage = (): void => used(usageOf(model, reply, performance.now() - begunMs));
  // Whoever aborts does not wait for what comes after.
  signal.addEventListener('abort', tellUsage, { once: true });
  try {
    signal.throwIfAborted();
    const attempt = { key: `${key}.${call.at.n}`, signal: AbortSignal.any([signal, patience]) };
    for await (const chunk of await chat(call, attempt)) {
      const heard = heardMore(reply, chunk);
      reply = heard.reply;
      if (reply.raw.length + reply.refusal.length > MAX_BYTES) throw new TooMuch('what it says', MAX_BYTES);
      if (heard.more !== '') show(heard.more);
    }
    attempt.signal.throwIfAborted();
    return resultOf(reply, name, call.output);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const failure = patience.aborted ? timedOut(name, patienceMs) : failureOf(error, name, Date.now());
    const { text, refusal } = reply;
    log.warn({ model: name, ...detailsOf(error), text: excerpt(text, 2_000), refusal: excerpt(refusal, 2_000) }, failure.message);
    throw failure;
  } finally {
    signal.removeEventListener('abort', tellUsage);
    tellUsage();
  }
}

/** What cannot be asked for is not paid for. */
function checkOutput({ uses, output }: ApprovedCall): void {
  if (output === undefined) return;
  try {
    compileSchema(output);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    const message = `the model "${uses}" was not asked: what its answer is to look like is ${error.message}`;
    throw new Failure({ code: 'model-rejected-request', message, retryable: false });
  }
}

export default definePerformer<Deps>({
  name: 'model-executor',
  kind: 'model',
  concurrency: 32,
  deps: (surroundings) => openModels(surroundings),
  perform: performCall,
});
