/** The registry of tools: a KV bucket that only the tool-executor writes, laid out as every NATS KV client knows it. */

import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import type { Json } from '@reel/contracts/envelope.ts';
import { ToolDefinition } from '@reel/contracts/tool.ts';
import { headers, type Msg, type MsgHdrs, type NatsConnection } from 'nats';
import { brokerHeadersOf } from '../jetstream/broker-headers.ts';
import { API_PREFIX, LIVE_TOOLS, REGISTRY_BUCKET, REGISTRY_STREAM } from '../jetstream/names.ts';
import type { PubAck } from '../jetstream/publisher.ts';
import { reached, stored } from '../jetstream/stored.ts';
import { LogUnavailable } from '../log.ts';
import { readJson } from '../runtime/json.ts';
import { withoutSecretsInJson } from '../runtime/secrets.ts';
import type { Logger, Registry } from '../service.ts';

const subjectOf = (key: string): string => `$KV.${REGISTRY_BUCKET}.${key}`;

/** The bucket, for its writer. */
export function openRegistry(connection: NatsConnection): Registry {
  const write = async (key: string, value: string, options: { headers?: MsgHdrs } = {}): Promise<void> => {
    const ack = await connection.request(subjectOf(key), value, { timeout: 5000, ...options });
    const { error } = ack.json<PubAck>();
    if (error !== undefined) throw new LogUnavailable(`the registry does not take ${key}: ${error.description}`);
  };
  return {
    put: (key: string, value: Json) => write(key, withoutSecretsInJson(JSON.stringify(value))),
    remove: (key: string) => {
      const operation = headers();
      operation.set('KV-Operation', 'DEL');
      return write(key, '', { headers: operation });
    },
  };
}

/** What a reader keeps of the registry: the tools that were registered first. Executors offer fewer, and smaller ones. */
const MOST_TOOLS = 10_000;
const MOST_BYTES = 32 * 1024 * 1024;
const LONGEST_DEFINITION = 512 * 1024;

/** The definition in a value of the bucket. An invalid value is skipped, and the other tools stay. */
function definitionIn(text: string): ToolDefinition | undefined {
  try {
    return ToolDefinition.safeParse(readJson(text)).data;
  } catch {
    return undefined;
  }
}

/** The tools on offer, for a reader: read when first asked for, and again whenever the bucket has changed. */
export async function readTools(
  connection: NatsConnection,
  log: Pick<Logger, 'warn'>,
): Promise<{ tools(): Promise<ReadonlyMap<string, ToolDefinition>>; close(): void }> {
  const manager = await jetstreamManager(connection, { checkAPI: false, apiPrefix: API_PREFIX });
  const all = subjectOf('>');
  let known: Promise<ReadonlyMap<string, ToolDefinition>> | undefined;
  /** The position of the newest change that was heard of. */
  let last = 0;
  const forget = (): void => {
    known = undefined;
  };
  const hear = (error: Error | null, message: Msg): void => {
    if (error !== null) return;
    const key = message.subject.slice(LIVE_TOOLS.length + 1);
    const { seq = 0 } = brokerHeadersOf(message, REGISTRY_STREAM, subjectOf(key)) ?? {};
    if (seq <= last) return;
    last = seq;
    forget();
  };
  const changes = connection.subscribe(`${LIVE_TOOLS}.>`, { callback: hear });
  // Changes that were missed while the connection was away are no reason to believe that there were none.
  const watching = connection.status();
  void (async () => {
    for await (const { type } of watching) {
      if (type !== 'reconnect') continue;
      last = 0;
      forget();
    }
  })();

  let refused = false;
  function refuse(subject: string): void {
    const limits = `at most ${MOST_TOOLS} tools, ${MOST_BYTES} bytes of all and ${LONGEST_DEFINITION} of one`;
    if (!refused) log.warn({ subject }, `The registry of tools has more than is read of it, which is ${limits}: the rest is left out.`);
    refused = true;
  }

  /** Any replica may answer, and one that is late is asked again: what is read once is kept until the next change. */
  async function load(): Promise<ReadonlyMap<string, ToolDefinition>> {
    const newest = (await reached(() => manager.streams.getMessage(REGISTRY_STREAM, { last_by_subj: all })))?.seq ?? 0;
    for (let patience = 40; ; patience -= 1) {
      const tools = new Map<string, ToolDefinition>();
      let seen = 0;
      let left = MOST_BYTES;
      for await (const { seq, subject, body } of stored(manager, REGISTRY_STREAM, all, { seq: 1 })) {
        seen = seq;
        if (body.length > LONGEST_DEFINITION || body.length > left || tools.size >= MOST_TOOLS) {
          refuse(subject);
          continue;
        }
        left -= body.length;
        const definition = definitionIn(body);
        // A value under another tool's key is skipped: it would take that tool's place.
        if (definition !== undefined && subjectOf(definition.name) === subject) tools.set(definition.name, definition);
      }
      if (seen >= newest) return tools;
      if (patience === 0) throw new LogUnavailable(`the registry was read, and its position ${newest} is not there yet`);
      await delay(25);
    }
  }

  return {
    tools: () => {
      known ??= load().catch((error: Error) => {
        forget();
        throw error;
      });
      return known;
    },
    close: () => changes.unsubscribe(),
  };
}
