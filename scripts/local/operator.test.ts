import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moment, windowOf } from './operator.ts';

const NOW = Date.parse('2026-11-21T10:00:00Z');

test('a moment is a date, with or without a time, or so long ago', () => {
  for (const [text, iso] of [
    ['2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['2026-11-20T09:30Z', '2026-11-20T09:30:00.000Z'],
    ['2026-11-20T09:30:05.5Z', '2026-11-20T09:30:05.500Z'],
    ['2026-11-20T09:30:05+02:00', '2026-11-20T07:30:05.000Z'],
    ['90s', '2026-11-21T09:58:30.000Z'],
    ['15m', '2026-11-21T09:45:00.000Z'],
    ['12h', '2026-11-20T22:00:00.000Z'],
    ['7d', '2026-11-14T10:00:00.000Z'],
    ['99999999999999d', '1970-01-01T00:00:00.000Z'],
  ] as const)
    assert.equal(new Date(moment(text, '--since', NOW)).toISOString(), iso, text);
});

test('what else might pass for a date is refused with what is expected', () => {
  for (const text of [
    '',
    '7',
    '60',
    '2026',
    '2026-11',
    '2026-02-30',
    '2026-11-21T25:00Z',
    '2026-11-21 10:00',
    'Nov 21 2026',
    '7w',
    '-7d',
    'soon',
  ])
    assert.throws(
      () => moment(text, '--before', NOW),
      new Error(
        `--before is "${text}", and has to be a date (2026-11-21, 2026-11-21T10:00:00Z) or so long ago, with its unit (90s, 15m, 12h, 7d)`,
      ),
    );
});

test('a window in which nothing can lie is refused', () => {
  assert.deepEqual(windowOf({}, NOW), { sinceMs: 0, untilMs: Number.POSITIVE_INFINITY });
  assert.deepEqual(windowOf({ since: '1h', until: '5m' }, NOW), { sinceMs: NOW - 3_600_000, untilMs: NOW - 300_000 });
  for (const window of [
    { since: '5m', until: '1h' },
    { since: '2026-11-20', until: '2026-11-20' },
  ])
    assert.throws(
      () => windowOf(window, NOW),
      new RegExp(`--since is "${window.since}", and has to come before --until, which is "${window.until}"`),
    );
  assert.throws(() => windowOf({ since: '2026-11-22' }, NOW), /--since is "2026-11-22", and has to lie in the past/);
});
