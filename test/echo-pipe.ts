/** A server over stdio that repeats its environment: on stderr, in what it offers and answers, and when it dies. */
import { createInterface } from 'node:readline';

const echo = Object.values(process.env).join(' | ');
const tools = ['pipe-echo', 'pipe-dies'].map((name) => ({
  name,
  description: echo,
  inputSchema: { type: 'object' },
  annotations: { readOnlyHint: true },
}));
console.log(`started with ${echo}`);
// In pieces: none of them is a secret.
for (const piece of `my environment: ${echo}\n`.match(/[\s\S]{1,5}/g) ?? []) process.stderr.write(piece);
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line) as { id?: number; method: string; params?: { name: string } };
  if (id === undefined) return;
  if (params?.name === 'pipe-dies') process.exit(1);
  const greeting = { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'pipe', version: echo } };
  const result = { initialize: greeting, 'tools/list': { tools }, 'tools/call': { content: [{ type: 'text', text: echo }] } }[method] ?? {};
  console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
});
