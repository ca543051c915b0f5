/**
 * The demo's world as a Streamable HTTP MCP server, whose state is a file: written before it answers, so that what was done stays done.
 * `node scripts/demo/world-server.ts --state FILE [--port 0] [--delay-ms tool=ms] [--hang-after-effect tool [--hang-when text]]`
 */

import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { printJson } from '@reel/bus/process/terminal.ts';
import { act, type Outcome, type WorldCall } from './world.ts';
import { freshWorld, type World } from './world-state.ts';
import { tools } from './world-tools.ts';

export type WorldOptions = {
  readonly stateFile: string;
  /** 0 takes a free one. */
  readonly port?: number;
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** How long a tool takes to answer after its effect, in ms, by its name. */
  readonly delayMs?: { readonly [tool: string]: number };
  /** The first effect of this tool is not answered for until it is asked for again under the same key. */
  readonly hangAfterEffect?: string | undefined;
  /** Only a call whose arguments have this text in them hangs. */
  readonly hangWhen?: string | undefined;
  /** Told when a call hangs: its effect is in the file. */
  readonly onHang?: (key: string) => void;
};

export type RunningWorld = { readonly url: string; state(): World; close(): Promise<void> };

/** Serves the world of a file (a fresh one where there is none). */
export async function startWorld(options: WorldOptions): Promise<RunningWorld> {
  const { host = '127.0.0.1' } = options;
  const answering = answerFrom(options);
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? sessions.get(id) : undefined;
    if (known !== undefined) return await known.handleRequest(request, response);
    // By this a client knows that it has to greet us again.
    if (id !== undefined) return void response.writeHead(404).end();
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (session) => void sessions.set(session, transport),
      onsessionclosed: (session) => void sessions.delete(session),
    });
    await serverFor(answering.answer).connect(transport);
    await transport.handleRequest(request, response);
  };
  const http = createServer((request, response) => {
    serve(request, response).catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((listening, failed) => http.once('error', failed).listen(options.port ?? 0, host, listening));
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://${host}:${port}/mcp`,
    state: answering.state,
    close: async () => {
      const closed = new Promise((done) => http.close(done));
      http.closeAllConnections();
      await closed;
    },
  };
}

type Answer = (call: WorldCall) => Promise<CallToolResult>;

/** Every tool of the world for one session. */
function serverFor(answer: Answer): McpServer {
  const server = new McpServer({ name: 'reel-demo-world', version: '1.0.0' });
  for (const [name, { description, effect, input, output, compensation }] of Object.entries(tools)) {
    const annotations = { readOnlyHint: effect === 'read-only', idempotentHint: effect === 'idempotent', openWorldHint: false };
    const _meta = compensation === undefined ? {} : { 'reel/compensation': compensation };
    server.registerTool(
      name,
      { description, inputSchema: input, outputSchema: output, annotations, _meta },
      (args, { _meta: sent, requestInfo }) => {
        const key = sent?.['reel/idempotency-key'] ?? requestInfo?.headers['idempotency-key'];
        return answer({ tool: name, arguments: args, key: typeof key === 'string' ? key : undefined });
      },
    );
  }
  return server;
}

/** Acts on the one state, keeps it in the file, and answers, at once or late as the options say. */
function answerFrom({ stateFile, delayMs = {}, hangAfterEffect, hangWhen = '', onHang }: WorldOptions): {
  answer: Answer;
  state: () => World;
} {
  let state = existsSync(stateFile) ? (JSON.parse(readFileSync(stateFile, 'utf8')) as World) : freshWorld();
  let hung: { key: string | undefined; again: PromiseWithResolvers<void> } | undefined;
  const save = (): void => {
    // A reader of the file sees one whole state, even if this process is killed.
    writeFileSync(`${stateFile}.new`, `${JSON.stringify(state, null, 2)}\n`);
    renameSync(`${stateFile}.new`, stateFile);
  };
  save();

  const answer: Answer = async (call) => {
    const outcome = act(state, call);
    if (outcome.state !== state) {
      state = outcome.state;
      save();
    }
    await wait(delayMs[call.tool] ?? 0);
    if (hung !== undefined) {
      if (hung.key === call.key) hung.again.resolve();
    } else if (call.tool === hangAfterEffect && 'result' in outcome && JSON.stringify(call.arguments).includes(hangWhen)) {
      hung = { key: call.key, again: Promise.withResolvers() };
      onHang?.(call.key ?? '');
      await hung.again.promise;
    }
    return inMcp(outcome);
  };
  return { answer, state: () => state };
}

function inMcp(outcome: Outcome): CallToolResult {
  if ('result' in outcome) return { content: [{ type: 'text', text: JSON.stringify(outcome.result) }], structuredContent: outcome.result };
  const { code, message } = outcome.error;
  return { content: [{ type: 'text', text: message }], structuredContent: { code, retryable: false }, isError: true };
}

if (import.meta.main) {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { port: text, state: text, 'delay-ms': { ...text, multiple: true }, 'hang-after-effect': text, 'hang-when': text },
  });
  if (values.state === undefined) throw new Error('world-server: --state FILE is missing: where the world is kept');
  const delays = (values['delay-ms'] ?? []).map((one) => one.split('=')).map(([tool, ms]) => [tool, Number(ms)]);
  const { url } = await startWorld({
    stateFile: values.state,
    port: Number(values.port ?? 0),
    delayMs: Object.fromEntries(delays),
    hangAfterEffect: values['hang-after-effect'],
    hangWhen: values['hang-when'],
    onHang: (key) => printJson({ hanging: key }),
  });
  printJson({ url });
}
