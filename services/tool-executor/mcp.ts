/** One connection to one MCP server, over stdio or Streamable HTTP: greeting it, listing its tools, calling them, noticing that it is gone. */
import { isUtf8 } from 'node:buffer';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import * as mcp from '@modelcontextprotocol/sdk/types.js';
import { type Count, NotText, perMinute, TooMuch, tooMuchIn, upTo } from '@reel/bus/process/bounded-read.ts';
import { excerpt, veil } from '@reel/bus/runtime/secrets.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { exactText } from '@reel/contracts/exact-json.ts';
import { explain, isAnswer, isSessionLost, SessionLost, unavailable } from './answer.ts';
import type { Server } from './config.ts';
import { fetchFor, posting, resuming } from './http.ts';
import { CallResult, type Listed, ToolPage, toolsIn } from './mcp-shapes.ts';
import { parsed } from './media.ts';

/** Where the idempotency key stands in a call's `_meta`. */
const KEY = 'reel/idempotency-key';

// Timers cannot wait longer (2^31 - 1 ms), and would ring at once.
const LONGEST_MS = 2_147_483_647;
const PING_MS = 5_000;
const MOST_PAGES = 1_000;
const MOST_TOOLS = 1_000;
/** Characters of what a server says on stderr that are told. */
const MOST_STDERR = 2_000;

/** What goes with a call. */
export type Sent = {
  readonly signal: AbortSignal;
  readonly key: string;
  readonly traceparent?: string | undefined;
  readonly timeoutMs: number;
};

export type Connection = {
  /** Every tool that the server offers now. */
  list(): Promise<Listed>;
  /** @throws SessionLost when the server did not know the session and a new one has begun: the call was not taken up. */
  call(tool: string, args: { readonly [name: string]: Json }, sent: Sent): Promise<CallResult>;
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
  const { answerBytes } = server.limits;
  const count = perMinute(answerBytes, 'what it says unasked');
  /** A server that does not stop talking is left; what is under way over HTTP may still be answered. */
  const unasked: Count = (chunk) => {
    try {
      count(chunk);
    } catch (error) {
      setImmediate(() => heard.closed((error as Error).message));
      throw error;
    }
  };
  const pending = new Set<(why: Error) => void>();
  let current: Session | undefined;
  let retired = false;
  let noise = '';
  const story = (): string => `${noise}${current?.told() ?? ''}`;
  /** Sends something, and waits for its answer no longer than there is one to come. */
  async function asking<T>(send: () => Promise<T>, more: { headers?: Record<string, string>; greets?: boolean } = {}): Promise<T> {
    const lost = Promise.withResolvers<never>();
    pending.add(lost.reject);
    try {
      const post = { headers: {}, ...more, meter: upTo(answerBytes, 'its answer'), lost: lost.reject };
      return await posting(post, () => Promise.race([send(), lost.promise]));
    } finally {
      pending.delete(lost.reject);
      if (retired && pending.size === 0) void current?.client.close();
    }
  }
  /** What it has said cannot be told apart from what it will say: nothing that was asked over this connection is answered any more. */
  const overflow = (error: TooMuch): void => {
    for (const lose of pending) lose(error);
    heard.closed(`${error.message}${story()}`);
    void current?.client.close();
  };
  async function greet(): Promise<Session> {
    const { transport, told } = transportTo(server, unasked);
    const client = new Client({ name: 'reel', version: '0.1.0' });
    const session = { client, transport, told, asked: 0 };
    current ??= session;
    client.onclose = () => (current === session ? heard.closed(`the connection closed${story()}`) : undefined);
    client.onerror = (error) => {
      if (current !== session) return;
      const much = tooMuchIn(error) ?? (isFull(error) ? new TooMuch('a line of its output', answerBytes) : undefined);
      if (much !== undefined && 'command' in server) return overflow(much);
      // Servers that print on stdout beside the protocol are common; they are understood all the same.
      if (error instanceof SyntaxError) noise ||= `; on stdout it said what is not MCP: ${excerpt(error.message, 300)}`;
      heard.trouble(error);
    };
    client.setNotificationHandler(mcp.ToolListChangedNotificationSchema, () => heard.toolsChanged());
    await asking(() => client.connect(transport, { timeout: timeoutMs, signal: stop }), { greets: true });
    return session;
  }
  try {
    current = await greet();
  } catch (error) {
    throw new Error(`${explain(error)}${story()}`, { cause: error });
  }

  let renewing: Promise<void> | undefined;
  /** Begins a new session in place of one that the server has forgotten: it was started anew. What others ask meanwhile waits for it. */
  const renew = (lost: Session): Promise<void> => {
    if (current !== lost) return renewing ?? Promise.resolve();
    renewing ??= greet()
      .then((session) => {
        current = session;
      })
      .finally(() => {
        renewing = undefined;
      });
    return renewing;
  };
  /** @param again what is thrown instead of asking again in the new session. */
  async function inSession<T>(ask: (client: Client) => Promise<T>, again?: Error): Promise<T> {
    const session = current as Session;
    session.asked += 1;
    try {
      return await ask(session.client);
    } catch (error) {
      if (!isSessionLost(error)) throw error;
      await renew(session).catch((why: unknown) => {
        throw unavailable(`its server has begun anew, and does not greet: ${explain(why)}`);
      });
      if (again !== undefined) throw again;
      return await ask((current as Session).client);
    } finally {
      session.asked -= 1;
      // What else was asked in a session that is over may still be answered.
      if (session !== current && session.asked === 0) void session.client.close();
    }
  }

  return {
    list: () =>
      everyPage((params, timeout) => inSession((client) => asking(() => listed(client, params, timeout))), timeoutMs, answerBytes),
    async call(name, args, { signal, key, traceparent, timeoutMs }) {
      const trace = traceparent === undefined ? {} : { traceparent };
      const params = { name, arguments: args, _meta: { [KEY]: key, ...trace } };
      // The bus ends the call in time; this is for the case that it does not.
      const options = { signal, timeout: Math.min(timeoutMs + 1_000, LONGEST_MS) };
      // Not `callTool`, which would hold the result up to its schema: the validator does, for all tools alike.
      const send = (client: Client): Promise<CallResult> =>
        asking(() => client.request({ method: 'tools/call', params }, CallResult, options), {
          headers: { 'idempotency-key': key, ...trace },
        });
      return await inSession(send, new SessionLost(name));
    },
    async check() {
      // Nobody but its own process stands behind a pipe: while that runs, it is there.
      if (current?.transport instanceof StdioClientTransport) return undefined;
      try {
        await inSession((client) => asking(() => client.ping({ timeout: PING_MS })));
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
      if (pending.size === 0) void current?.client.close();
    },
    async close() {
      if (current?.transport instanceof StreamableHTTPClientTransport) await farewell(current.transport);
      await current?.client.close();
    },
  };
}

/** What the server and this side agreed on when they greeted each other. `told`: what it said beside the protocol; `asked`: so much is under way in it. */
type Session = { readonly client: Client; readonly transport: Transport; readonly told: () => string; asked: number };

/** The SDK keeps a line that has not ended, up to a limit. */
const isFull = (error: Error): boolean => error.message.startsWith('ReadBuffer exceeded');

const listed = (client: Client, params: { cursor?: string }, timeout: number) =>
  client.request({ method: 'tools/list', params }, ToolPage, { timeout });

/** All pages together may have as many bytes as one answer, and take as long. */
async function everyPage(
  ask: (params: { cursor?: string }, timeoutMs: number) => ReturnType<typeof listed>,
  timeoutMs: number,
  answerBytes: number,
): Promise<Listed> {
  const tools: unknown[] = [];
  const seen = new Set<string>();
  const untilMs = performance.now() + timeoutMs;
  let bytes = 0;
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await ask(cursor === undefined ? {} : { cursor }, Math.max(1, untilMs - performance.now()));
    tools.push(...answer.tools);
    bytes += JSON.stringify(answer).length;
    if (bytes > answerBytes) throw new TooMuch('its list of tools', answerBytes);
    if (tools.length > MOST_TOOLS) throw new Error(`its list of tools does not end: it has more than ${MOST_TOOLS}`);
    // A cursor that was there before leads to what is known already.
    if (answer.nextCursor == null || seen.has(answer.nextCursor)) return toolsIn(tools);
    cursor = answer.nextCursor;
    seen.add(cursor);
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

/** The SDK reads lines as JSON itself, and numbers with it: the digits that it would lose are made texts before. */
function keepDigits(transport: StdioClientTransport, lineBytes: number): void {
  const { _readBuffer: buffer } = transport as unknown as { _readBuffer: { append(chunk: Buffer): void } };
  const append = buffer.append.bind(buffer);
  let pending = Buffer.alloc(0);
  buffer.append = (chunk) => {
    const end = chunk.lastIndexOf('\n') + 1;
    const complete = Buffer.concat([pending, chunk.subarray(0, end)]);
    // What is not whole yet is counted there all the same.
    if (end > 0) append(Buffer.from(isUtf8(complete) ? exactText(complete.toString()) : linesOf(complete).map(lineIn).join('')));
    pending = end > 0 ? Buffer.from(chunk.subarray(end)) : Buffer.concat([pending, chunk]);
    if (pending.length > lineBytes) {
      append(pending);
      pending = Buffer.alloc(0);
    }
  };
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let begin = 0; begin < bytes.length; ) {
    const end = bytes.indexOf('\n', begin) + 1 || bytes.length;
    lines.push(bytes.subarray(begin, end));
    begin = end;
  }
  return lines;
}

/** A line as text. An answer that is none is an error under the same id: what it says would be changed by being read. */
function lineIn(line: Buffer): string {
  const text = line.toString();
  if (isUtf8(line)) return exactText(text);
  const { id, result } = (parsed(text) ?? {}) as { id?: Json; result?: Json };
  if (id === undefined || result === undefined) return text;
  const error = { code: mcp.ErrorCode.InternalError, message: `${new NotText().message}: what it answered cannot be read` };
  return `${JSON.stringify({ jsonrpc: '2.0', id, error })}\n`;
}

/** `told` is what the server said beside the protocol: where to look when it does not work. */
function transportTo(server: Server, unasked: Count): { transport: Transport; told: () => string } {
  const { answerBytes } = server.limits;
  if ('url' in server) {
    const fetch = fetchFor(unasked, () => upTo(answerBytes, 'its answer'));
    const options = { fetch, requestInit: { headers: server.headers }, reconnectionOptions: resuming };
    return { transport: new StreamableHTTPClientTransport(new URL(server.url), options), told: () => '' };
  }
  const { command, args, env, cwd } = server;
  const transport = new StdioClientTransport({ command, args, env, cwd, stderr: 'pipe', maxBufferSize: answerBytes });
  keepDigits(transport, answerBytes);
  // The SDK hands on what this does not refuse.
  transport.onmessage = (message) => {
    if ('method' in message) unasked({ byteLength: JSON.stringify(message).length });
  };
  const decoder = new TextDecoder();
  const plain = veil();
  let said = '';
  transport.stderr?.on('data', (chunk: Buffer) => {
    said = (said + plain.more(decoder.decode(chunk, { stream: true }))).slice(-MOST_STDERR);
  });
  const told = (): string => {
    const lines = `${said}${plain.rest()}`.split('\n').filter(Boolean).slice(-5);
    return lines.length === 0 ? '' : `; on stderr it said: ${lines.join(' | ')}`;
  };
  return { transport, told };
}
