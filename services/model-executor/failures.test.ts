import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '@reel/bus/service.ts';
import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';
import { detailsOf, failureOf, retryAfterMs } from './failures.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const wait = (headers: Record<string, string>): number | undefined => retryAfterMs(new Headers(headers), NOW);

test('how long to wait is read as milliseconds, seconds or a date, the most precise first', () => {
  assert.equal(wait({ 'retry-after-ms': '250', 'retry-after': '9' }), 250);
  assert.equal(wait({ 'retry-after': '1.5' }), 1_500);
  assert.equal(wait({ 'retry-after': 'Sat, 21 Nov 2026 12:00:30 GMT' }), 30_000);
  assert.equal(wait({ 'retry-after': 'Sat, 21 Nov 2026 11:00:00 GMT' }), 0);
});

test('a wait that is none, or longer than numbers go, is no wait', () => {
  for (const text of ['', 'soon', '-5x', '1e400', '9'.repeat(30)]) assert.equal(wait({ 'retry-after': text }), undefined, text);
  assert.equal(retryAfterMs(undefined, NOW), undefined);
});

const codeOf = (error: unknown): string => failureOf(error, 'm', NOW).problem.code;
const api = (status: number | undefined, error: object): APIError => new APIError(status, error, undefined, new Headers());

test('errors without an answer are told apart by what came of the connection', () => {
  assert.equal(codeOf(new APIConnectionError({ message: 'x' })), 'model-unavailable');
  assert.equal(codeOf(new APIConnectionTimeoutError()), 'model-timed-out');
  assert.equal(
    codeOf(new TypeError('terminated', { cause: Object.assign(new Error('x'), { code: 'UND_ERR_BODY_TIMEOUT' }) })),
    'model-timed-out',
  );
  assert.equal(
    codeOf(new TypeError('terminated', { cause: Object.assign(new Error('x'), { code: 'UND_ERR_SOCKET' }) })),
    'model-unavailable',
  );
  assert.equal(codeOf('thrown'), 'model-unavailable');
});

test('answers are told apart by their status, and those within a stream by their code', () => {
  const codes = [408, 409, 429, 500, 504, 529, 400, 402, 403, 413].map((status) => codeOf(api(status, {})));
  const expected = [
    'timed-out',
    'unavailable',
    'rate-limited',
    'unavailable',
    'timed-out',
    'unavailable',
    ...Array(4).fill('rejected-request'),
  ];
  assert.deepEqual(
    codes,
    expected.map((code) => `model-${code}`),
  );
  assert.equal(codeOf(api(undefined, { code: 429 })), 'model-rate-limited');
  assert.equal(codeOf(api(undefined, { code: 'insufficient_quota' })), 'model-rate-limited');
  assert.equal(codeOf(api(undefined, { code: 7 })), 'model-unavailable');
});

test('a 404 is a missing script only when it says so', () => {
  assert.equal(codeOf(api(404, { code: 'unscripted' })), 'model-unscripted');
  assert.equal(codeOf(api(404, {})), 'model-rejected-request');
  assert.equal(codeOf(api(400, { code: 'unscripted' })), 'model-rejected-request');
});

test('a failure that has its name already keeps it', () => {
  const failure = new Failure({ code: 'model-refused', message: 'no' });
  assert.equal(failureOf(failure, 'm', NOW), failure);
});

test('the log is told what the message keeps back, though not without end', () => {
  const details = detailsOf(api(500, { message: 'x'.repeat(9_000), code: 'boom' })) as Record<string, unknown>;
  assert.equal(details['status'], 500);
  assert.equal(details['code'], 'boom');
  assert.equal(String(details['error']).length, 2_000);
  assert.deepEqual(detailsOf('thrown'), { error: 'thrown' });
});
