/**
 * A tool in a process of its own, which dies when its line to the desk breaks: before the effect, or after it and before it has answered.
 * `node scripts/chaos/mortal.ts URL`, over stdio.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';

const [desk] = process.argv.slice(2);
const server = new McpServer({ name: 'mortal', version: '1' });
server.registerTool('stamp', { inputSchema: { of: z.string() }, annotations: { idempotentHint: true } }, async (args, { _meta }) => {
  const headers = { 'idempotency-key': String(_meta?.['reel/idempotency-key']) };
  const response = await fetch(`${desk}/stamp`, { method: 'POST', headers, body: JSON.stringify(args) }).catch(() => process.exit(1));
  return { isError: !response.ok, content: [{ type: 'text', text: await response.text() }] };
});
// The process that started it was killed.
process.stdin.once('end', () => process.exit(0));
await server.connect(new StdioServerTransport());
