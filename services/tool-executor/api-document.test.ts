import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { JsonSchema } from '@reel/contracts/envelope.ts';
import { checkAgainst, limitsAgain, numbersAgain } from '@reel/contracts/schema.ts';
import { readDocument } from './api-document.ts';
import { readOpenApi } from './openapi.ts';

const BIG = '7615917337495251231';
const INT64 = '9223372036854775807';

/** What is read of a file with this text. */
async function read(context: TestContext, name: string, text: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'reel-document-'));
  context.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), text);
  await writeFile(join(folder, 'other.yaml'), `Id: { type: integer, maximum: ${INT64}, enum: [1, ${BIG}] }\n`);
  return (await readDocument(join(folder, name), new AbortController().signal)).document;
}

const numbers: readonly (readonly [written: string, read: string | number])[] = [
  ['1', 1],
  ['-0.5', -0.5],
  [BIG, BIG],
  [`-${INT64}`, `-${INT64}`],
  ['1e400', '1e400'],
  ['0.1000000000000000055', '0.1000000000000000055'],
  ['90071992547409.93', '90071992547409.93'],
  ['90071992547409.94', 90071992547409.94],
  ['1.50', 1.5],
];

test('no number of a document is changed, in JSON or YAML, under any name', async (context) => {
  const json = `{"a":[${numbers.map(([written]) => written).join(',')}],"text":"${BIG}"}`;
  const yaml = `a:\n${numbers.map(([written]) => `  - ${written}\n`).join('')}text: '${BIG}'\n`;
  const expected = { a: numbers.map(([, is]) => is), text: BIG };
  for (const [name, text] of Object.entries({
    'a.json': json,
    'b.yaml': yaml,
    'c.yml': json,
    'd.txt': yaml,
    e: json,
    'f.json': `\ufeff${json}`,
  }))
    assert.deepEqual(await read(context, name, text), expected, name);
  const more = await read(
    context,
    'g.yaml',
    `{ hex: 0x7fffffffffffffff, small: 0x1f, plus: +${BIG}, zeros: 007615917337495251231, date: 2026-01-01 }`,
  );
  assert.deepEqual(more, { hex: INT64, small: 31, plus: BIG, zeros: BIG, date: '2026-01-01' });
  await assert.rejects(read(context, 'h.yaml', 'a: [1'), /flow|expected|unexpected|end/i);
});

const described = (limits: string): string => `
openapi: 3.0.3
info: { title: Big, version: '1' }
servers: [{ url: http://localhost }]
paths:
  /orders/{id}:
    get:
      operationId: order
      parameters:
        - { name: id, in: path, required: true, schema: { $ref: 'other.yaml#/Id' } }
        - { name: n, in: query, schema: { type: integer, ${limits} } }
      responses: { '200': { description: ok } }
`;

test('limits and values of 64 bits in a document hold to the digit, also in words of 3.0 and in another file', async (context) => {
  const document = await read(context, 'api.yaml', described(`minimum: ${BIG}, exclusiveMinimum: true, default: ${BIG}, example: ${BIG}`));
  const { operations, refused } = readOpenApi(document, 'Idempotency-Key');
  assert.deepEqual(refused, []);
  const { input } = operations[0] as { input: JsonSchema };
  assert.equal(checkAgainst(input, { id: BIG, n: INT64 }), undefined);
  assert.match(checkAgainst(input, { id: 2 }) ?? '', /\/id: must be/);
  assert.match(checkAgainst(input, { id: 1, n: 5 }) ?? '', /\/n: must be > /);
  assert.equal(JSON.stringify(numbersAgain(input, { id: BIG })), `{"id":${BIG}}`);
  const shown = JSON.stringify(limitsAgain(input));
  for (const part of [`"exclusiveMinimum":${BIG}`, `"default":${BIG}`, `"maximum":${INT64}`])
    assert.ok(shown.includes(part), `${part}: ${shown}`);
});
