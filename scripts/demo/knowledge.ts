/** The demo's knowledge base as a function: articles, and which of them are about what is asked. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export const Article = z.object({ id: z.string(), title: z.string(), text: z.string() });
export type Article = z.infer<typeof Article>;

export const readArticles = (): Article[] =>
  z.array(Article).parse(parse(readFileSync(join(import.meta.dirname, 'knowledge.yaml'), 'utf8')));

const wordsIn = (text: string): Set<string> => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+(-[\p{L}\p{N}]+)*/gu) ?? []);

/** The articles that have the most of the words that are asked for, the best first; those that have less than half of them are left out. */
export function searchArticles(articles: readonly Article[], query: string, limit: number): Article[] {
  const wanted = [...wordsIn(query)];
  const rated = articles.map((article) => {
    const words = wordsIn(`${article.title} ${article.text}`);
    return { article, hits: wanted.filter((word) => words.has(word)).length };
  });
  return rated
    .filter(({ hits }) => hits > 0 && hits * 2 > wanted.length)
    .sort((a, b) => b.hits - a.hits)
    .slice(0, limit)
    .map(({ article }) => article);
}
