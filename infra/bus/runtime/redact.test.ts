import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redact, redactText } from './redact.ts';

const internals: [what: string, text: string, told: string][] = [
  ['a refused connection', 'connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED (an address)'],
  ['one over IPv6', 'connect ECONNREFUSED ::1:4222', 'connect ECONNREFUSED (an address)'],
  ['a name that is not known', 'getaddrinfo ENOTFOUND db.internal.example:5432', 'getaddrinfo ENOTFOUND (an address)'],
  ['credentials in an address', 'cannot reach postgres://reel:hunter2@db/prod now', 'cannot reach (an address) now'],
  [
    'an address within',
    'POST http://tickets.svc:8080/v1 gave 500; http://localhost/x; http://10.1.2.3/y',
    'POST (an address) gave 500; (an address); (an address)',
  ],
  ['a password in a web address', 'see https://me:secret@example.com/x.', 'see (an address)'],
  ['a stack', 'it broke\n    at run (/opt/tool.ts:3:1)\n    at next (node:internal:1)', 'it broke'],
  ['a path', "ENOENT: no such file or directory, open '/opt/.secret/key.pem'", "ENOENT: no such file or directory, open '(a file)'"],
  ['a path on Windows', 'cannot open C:\\Users\\me\\key.pem', 'cannot open (a file)'],
];
for (const [what, text, told] of internals) test(`${what} is not told`, () => assert.equal(redactText(text), told));

for (const text of [
  'hotel H7 has no room on 2027-10-01 at 12:30:15',
  'see https://example.com/help?id=3 for what to do',
  '/steps/0/with: must have the property "place"; and/or "town"',
  'the ratio 3:2 of version 1.2.3 is wrong, run tool.book-hotel.1',
  'reel.0.01ABC.tool.x.1.outcome cannot be read',
]) {
  test(`told as it is: ${text}`, () => assert.equal(redactText(text), text));
}

test('nobody is told more than they will read', () => assert.equal(redactText('x'.repeat(10_000)).length, 2000));

test('a problem keeps everything else, and stays the same object when there is nothing to leave out', () => {
  const problem = { code: 'c', message: 'm at 10.0.0.1', step: 's', retryable: true };
  assert.deepEqual(redact(problem), { ...problem, message: 'm at (an address)' });
  const plain = { code: 'c', message: 'm' };
  assert.equal(redact(plain), plain);
});
