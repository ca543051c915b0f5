/** An MCP server over stdio that answers a call with the very bytes that it is called with, in the pieces that it is told. `node answering-pipe.ts TOOLS` */
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cut } from './cutting.ts';

type Line = { readonly id?: number; readonly method: string; readonly params?: { readonly [name: string]: unknown } };
const tools = JSON.parse(process.argv[2] as string) as unknown;
const result = ({ method, params }: Line): object => {
  if (method === 'tools/list') return { tools };
  if (method !== 'initialize') return {};
  return { protocolVersion: params?.['protocolVersion'], capabilities: { tools: {} }, serverInfo: { name: 'answering', version: '1' } };
};
/** One answer after the other, each in its pieces. */
let saying = Promise.resolve();
async function say(pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    process.stdout.write(piece);
    await nextTurn();
  }
}
createInterface({ input: process.stdin }).on('line', (text) => {
  const line = JSON.parse(text) as Line;
  if (line.id === undefined) return;
  const answer = JSON.stringify({ jsonrpc: '2.0', id: line.id, result: result(line) });
  const { bytes, places } = (line.params?.['arguments'] ?? {}) as { bytes?: string; places?: string };
  const raw = bytes === undefined ? Buffer.from(`${answer}\n`) : Buffer.from(bytes, 'base64');
  const at = raw.indexOf('@the-id@');
  const whole = at === -1 ? raw : Buffer.concat([raw.subarray(0, at), Buffer.from(String(line.id)), raw.subarray(at + '@the-id@'.length)]);
  saying = saying.then(() => say(cut(whole, (places ?? '').split(',').map(Number))));
});
