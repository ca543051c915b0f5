/** The registry of tools: a KV bucket that only the tool-executor writes, laid out as every NATS KV client knows it. */

import { jetstreamManager } from '@nats-io/jetstream';
import type { Json } from '@reel/contracts/envelope.ts';
import { ToolDefinition } from '@reel/contracts/tool.ts';
import { headers, type NatsConnection } from 'nats';
import { API_PREFIX, REGISTRY_BUCKET, REGISTRY_STREAM } from './accounts.ts';
import { readJson } from './json.ts';
import type { Registry } from './service.ts';

const subjectOf = (key: string): string => `$KV.${REGISTRY_BUCKET}.${key}`;

/** The bucket, for its writer. */
export function openRegistry(connection: NatsConnection): Registry {
  return {
    put: async (key: string, value: Json) => {
      await connection.request(subjectOf(key), JSON.stringify(value), { timeout: 5000 });
    },
    remove: async (key: string) => {
      const operation = headers();
      operation.set('KV-Operation', 'DEL');
      await connection.request(subjectOf(key), '', { timeout: 5000, headers: operation });
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

  async function load(): Promise<ReadonlyMap<string, ToolDefinition>> {
    const tools = new Map<string, ToolDefinition>();
    let seq = 1;
    try {
      for (let more = true; more; ) {
        more = false;
        for await (const message of await manager.direct.getBatch(REGISTRY_STREAM, { seq, batch: 256, next_by_subj: subjectOf('>') })) {
          more = true;
          seq = message.seq + 1;
          const definition = definitionIn(message.string());
          if (definition !== undefined) tools.set(definition.name, definition);
        }
      }
    } catch (error) {
      // The broker says that there is nothing (more) in the words of an error.
      if ((error as { code?: number }).code !== 404 && !/not found/i.test((error as Error).message)) throw error;
    }
    return tools;
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
