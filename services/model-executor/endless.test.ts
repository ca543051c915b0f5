/** Models whose answers do not end: each is read up to a limit of bytes, and told as what it is long before the call's time is up. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import { createGzip } from 'node:zlib';
import { file, opened } from './fixtures/opened.ts';

const MIB = 1024 * 1024;
const PIECE = 'x'.repeat(64 * 1024);
const chunk = (delta: object): string => `data: ${JSON.stringify({ model: 'endless', choices: [{ index: 0, delta }] })}\n\n`;
/** How it goes on, with how it begins. */
const WAYS: Record<string, { readonly piece: string; readonly begin?: string; readonly status?: number; readonly gzip?: true }> = {
  text: { piece: chunk({ content: PIECE }) },
  words: { piece: chunk({ content: 'one more word ' }) },
  refusal: { piece: chunk({ refusal: PIECE }) },
  reasoning: { piece: chunk({ reasoning_content: PIECE }) },
  tools: { piece: chunk({ tool_calls: [{ index: 0, function: { arguments: PIECE } }] }) },
  reasons: { piece: `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: PIECE }] })}\n\n` },
  line: { begin: 'data: ', piece: PIECE },
  event: { piece: `data: ${PIECE}\n` },
  comments: { piece: ': still here\n\n' },
  json: { begin: '{"choices":[{"message":{"content":"', piece: PIECE },
  gzip: { begin: 'data: ', piece: PIECE, gzip: true },
  error: { status: 500, piece: PIECE },
};

/** An endpoint that counts what it got rid of. */
async function endless(context: TestContext, way: string) {
  const { piece, begin = '', status = 200, gzip } = WAYS[way] as (typeof WAYS)[string];
  let bytes = 0;
  const pieces = function* (): Generator<string> {
    yield begin;
    for (;;) {
      bytes += piece.length;
      yield piece;
    }
  };
  const server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'text/event-stream', ...(gzip ? { 'content-encoding': 'gzip' } : {}) });
    const through: Writable[] = gzip ? [createGzip(), response] : [response];
    void pipeline([Readable.from(pieces()), ...through] as never).catch(() => {});
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const limits = { answerBytes: MIB };
  const models = await file(
    context,
    'models.json',
    JSON.stringify({ models: [{ name: 'gpt-fixture', baseUrl: url, apiKey: 'sk-endless-1', limits }] }),
  );
  return { ...(await opened(context, { REEL_MODELS: models })), bytes: () => bytes };
}

for (const way of Object.keys(WAYS)) {
  test(`an answer that does not end (${way}) is stopped with a name`, async (context) => {
    const { call, bytes } = await endless(context, way);
    const { error, usage } = await call({ timeoutMs: 600_000 });
    assert.equal(error?.problem.code, way === 'error' ? 'model-unavailable' : 'model-too-much', error?.message);
    assert.equal(error?.problem.retryable, true);
    assert.ok((usage?.finishReason.length ?? 0) <= 100);
    // The pipes between the two hold some MiB; packed, more fits into them.
    if (way !== 'gzip') assert.ok(bytes() < 16 * MIB, `${bytes()} bytes were taken`);
  });
}
