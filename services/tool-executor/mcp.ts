/** One connection to one MCP server, over stdio or Streamable HTTP: greeting it, listing its tools, calling them, noticing that it is gone. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import * as mcp from '@modelcontextprotocol/sdk/types.js';
import type { Json } from '@reel/contracts/envelope.ts';
import { explain, isAnswer } from './answer.ts';
import type { Server } from './config.ts';
import { fetchCall, posting, resuming } from './http.ts';

/** Where the idempotency key stands in a call's `_meta`. */
const KEY = 'reel/idempotency-key';

// Timers cannot wait longer (2^31 - 1 ms), and would ring at once.
const LONGEST_MS = 2_147_483_647;
const PING_MS = 5_000;
const MOST_PAGES = 1_000;

/** What goes with a call. */
export type Sent = {
  readonly signal: AbortSignal;
  readonly key: string;
  readonly traceparent?: string | undefined;
  readonly timeoutMs: number;
};

export type Connection = {
  /** Every tool that the server offers now. */
  list(): Promise<mcp.Tool[]>;
  call(tool: string, args: { readonly [name: string]: Json }, sent: Sent): Promise<mcp.CallToolResult>;
  /** Asks whether the server is there. @returns why it is not. */
  check(): Promise<string | undefined>;
  /** Closes it once no call is under way. */
  retire(): void;
  close(): Promise<void>;
};

export type Heard = {
  /** The connection is gone for good, and why. */
  closed(why: string): void;
  toolsChanged(): void;
  /** Something went wrong that may mean that the server is gone. */
  trouble(error: Error): void;
};

/** @throws an error that says what to look at when the server does not start, or is none. */
export async function connect(server: Server, heard: Heard, timeoutMs: number, stop: AbortSignal): Promise<Connection> {
  const { transport, told } = transportTo(server);
  const client = new Client({ name: 'reel', version: '0.1.0' });
  const pending = new Set<(why: Error) => void>();
  let retired = false;
  let noise = '';
  const story = (): string => `${noise}${told()}`;
  client.onclose = () => heard.closed(`the connection closed${story()}`);
  client.onerror = (error) => {
    // Servers that print on stdout beside the protocol are common; they are understood all the same.
    if (error instanceof SyntaxError) noise ||= `; on stdout it said what is not MCP: ${error.message}`;
    heard.trouble(error);
  };
  client.setNotificationHandler(mcp.ToolListChangedNotificationSchema, () => heard.toolsChanged());
  try {
    await client.connect(transport, { timeout: timeoutMs, signal: stop });
  } catch (error) {
    throw new Error(`${explain(error)}${story()}`, { cause: error });
  }

  return {
    list: () => everyPage(client, timeoutMs),
    async call(name, args, { signal, key, traceparent, timeoutMs }) {
      const trace = traceparent === undefined ? {} : { traceparent };
      const params = { name, arguments: args, _meta: { [KEY]: key, ...trace } };
      const lost = Promise.withResolvers<never>();
      pending.add(lost.reject);
      // The bus ends the call in time; this is for the case that it does not.
      const options = { signal, timeout: Math.min(timeoutMs + 1_000, LONGEST_MS) };
      try {
        return await posting({ headers: { 'idempotency-key': key, ...trace }, lost: lost.reject }, () =>
          // Not `callTool`, which would hold the result up to its schema: the validator does, for all tools alike.
          Promise.race([client.request({ method: 'tools/call', params }, mcp.CallToolResultSchema, options), lost.promise]),
        );
      } finally {
        pending.delete(lost.reject);
        if (retired && pending.size === 0) void client.close();
      }
    },
    async check() {
      // Nobody but its own process stands behind a pipe: while that runs, it is there.
      if (transport instanceof StdioClientTransport) return undefined;
      try {
        await client.ping({ timeout: PING_MS });
        return undefined;
      } catch (error) {
        if (isAnswer(error)) return undefined;
        // A server that is busy with our calls may be too busy to say so.
        const busy = error instanceof mcp.McpError && error.code === mcp.ErrorCode.RequestTimeout && pending.size > 0;
        return busy ? undefined : explain(error);
      }
    },
    retire() {
      retired = true;
      if (pending.size === 0) void client.close();
    },
    async close() {
      if (transport instanceof StreamableHTTPClientTransport) await farewell(transport);
      await client.close();
    },
  };
}

async function everyPage(client: Client, timeout: number): Promise<mcp.Tool[]> {
  const tools: mcp.Tool[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const listed = await client.request({ method: 'tools/list', params }, mcp.ListToolsResultSchema, { timeout });
    tools.push(...listed.tools);
    cursor = listed.nextCursor;
    if (cursor === undefined) return tools;
  }
  throw new Error(`its list of tools does not end: it has more than ${MOST_PAGES} pages`);
}

/** Ends the session at the server; a server that does not answer is not waited for. */
async function farewell(transport: StreamableHTTPClientTransport): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, 500);
  await Promise.race([transport.terminateSession().catch(() => {}), over.promise]);
  clearTimeout(timer);
}

/** `told` is what the server said beside the protocol: where to look when it does not work. */
function transportTo(server: Server): { transport: Transport; told: () => string } {
  if ('url' in server) {
    const options = { fetch: fetchCall, requestInit: { headers: server.headers }, reconnectionOptions: resuming };
    return { transport: new StreamableHTTPClientTransport(new URL(server.url), options), told: () => '' };
  }
  const { command, args, env, cwd } = server;
  const transport = new StdioClientTransport({ command, args, env, cwd, stderr: 'pipe' });
  const tail: string[] = [];
  transport.stderr?.on('data', (chunk: Buffer) => {
    tail.push(...chunk.toString().split('\n').filter(Boolean));
    tail.splice(0, tail.length - 5);
  });
  return { transport, told: () => (tail.length === 0 ? '' : `; on stderr it said: ${tail.join(' | ')}`) };
}
