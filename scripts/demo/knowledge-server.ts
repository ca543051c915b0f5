/** The demo's knowledge base as an MCP server over stdio: `node scripts/demo/knowledge-server.ts`. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';
import { Article, readArticles, searchArticles } from './knowledge.ts';

const articles = readArticles();
const server = new McpServer({ name: 'reel-demo-knowledge', version: '1.0.0' });
server.registerTool(
  'search_articles',
  {
    description: 'Finds articles about machines and their errors, by words such as a model and an error code; the best first.',
    inputSchema: z.object({ query: z.string().min(1), limit: z.int().min(1).max(10).default(3) }),
    outputSchema: z.object({ articles: z.array(Article) }),
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
  ({ query, limit }) => {
    const structuredContent = { articles: searchArticles(articles, query, limit) };
    return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
  },
);
await server.connect(new StdioServerTransport());
