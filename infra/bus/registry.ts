/** The registry of tools: a KV bucket that only the tool-executor writes, laid out as every NATS KV client knows it. */

import { jetstreamManager } from '@nats-io/jetstream';
import type { Json } from '@reel/contracts/envelope.ts';
import { ToolDefinition } from '@reel/contracts/tool.ts';
import { headers, type MsgHdrs, type NatsConnection } from 'nats';
import { API_PREFIX, REGISTRY_BUCKET, REGISTRY_STREAM } from './accounts.ts';
import type { PubAck } from './acks.ts';
import { readJson } from './json.ts';
import { LogUnavailable } from './log.ts';
import type { Registry } from './service.ts';
import { reached, stored } from './stored.ts';

const subjectOf = (key: string): string => `$KV.${REGISTRY_BUCKET}.${key}`;

/** The bucket, for its writer. */
export function openRegistry(connection: NatsConnection): Registry {
  const write = async (key: string, value: string, options: { headers?: MsgHdrs } = {}): Promise<void> => {
    const ack = await connection.request(subjectOf(key), value, { timeout: 5000, ...options });
    const { error } = ack.json<PubAck>();
    if (error !== undefined) throw new LogUnavailable(`the registry does not take ${key}: ${error.description}`);
  };
  return {
    put: (key: string, value: Json) => write(key, JSON.stringify(value)),
    remove: (key: string) => {
      const operation = headers();
      operation.set('KV-Operation', 'DEL');
      return write(key, '', { headers: operation });
    },
  };
}

/** The definition that a value of the bucket is; what is none is nobody's tool, and no reason to do without the others. */
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
): Promise<{ tools(): Promise<ReadonlyMap<string, ToolDefinition>>; close(): void }> {
  const manager = await jetstreamManager(connection, { checkAPI: false, apiPrefix: API_PREFIX });
  const all = subjectOf('>');
  let known: Promise<ReadonlyMap<string, ToolDefinition>> | undefined;
  const forget = (): void => {
    known = undefined;
  };
  const changes = connection.subscribe('live.tools.>', { callback: forget });
  // Changes that were missed while the connection was away are no reason to believe that there were none.
  const watching = connection.status();
  void (async () => {
    for await (const { type } of watching) if (type === 'reconnect') forget();
  })();

  /** Any replica may answer, and one that is late is asked again: what is read once is kept until the next change. */
  async function load(): Promise<ReadonlyMap<string, ToolDefinition>> {
    const newest = (await reached(() => manager.streams.getMessage(REGISTRY_STREAM, { last_by_subj: all })))?.seq ?? 0;
    for (let patience = 40; ; patience -= 1) {
      const tools = new Map<string, ToolDefinition>();
      let seen = 0;
      for await (const { seq, subject, body } of stored(manager, REGISTRY_STREAM, all, { seq: 1 })) {
        seen = seq;
        const definition = definitionIn(body);
        // A value under another key is nobody's: it would stand in the place of a tool that is.
        if (definition !== undefined && subjectOf(definition.name) === subject) tools.set(definition.name, definition);
      }
      if (seen >= newest) return tools;
      if (patience === 0) throw new LogUnavailable(`the registry was read, and its position ${newest} is not there yet`);
      await new Promise((resolve) => setTimeout(resolve, 25));
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
