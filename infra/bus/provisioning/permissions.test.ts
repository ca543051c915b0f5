/** What the broker lets services do, spelt out for those that anybody may add. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { roleOf } from '../runtime/role.ts';
import { definePerformer, defineService } from '../service.ts';
import { permissionsOf } from './permissions.ts';

const subscriber = roleOf(defineService({ name: 'notifier', publishes: [], on: { 'run.outcome.failed': () => [] } }) as never);
const performer = (kind: string) =>
  roleOf(definePerformer({ name: 'sms-sender', kind, registry: true, perform: async () => null }) as never);
const reads = [
  'LOG.API.DIRECT.GET.REEL_0',
  'LOG.API.STREAM.MSG.GET.REEL_0',
  'LOG.API.DIRECT.GET.BLOB_0.blob.0.*.*.*',
  'LOG.API.STREAM.MSG.GET.BLOB_0',
];
const hears = (name: string): string[] => [
  `LOG.API.CONSUMER.INFO.REEL_0.${name}`,
  `LOG.API.CONSUMER.MSG.NEXT.REEL_0.${name}`,
  `$JS.ACK.REEL_0.${name}.>`,
  `$JS.ACK.*.*.REEL_0.${name}.>`,
];

it('a subscriber reads the log, hears its durable, says its own faults and that it is there, and nothing else', () => {
  assert.deepEqual(permissionsOf(subscriber, [subscriber], 1), {
    publish: ['reel.*.*.fault.notifier.*.fault', ...reads, ...hears('notifier'), 'presence.notifier.*'],
    subscribe: ['_INBOX_notifier.>', 'live.*.*.*.*.*.*', 'presence-query'],
  });
});

it('a subscriber with timers has its own stream of them besides', () => {
  const ticker = roleOf(defineService({ name: 'ticker', publishes: [], on: { 'timer.fired': () => [] } }) as never);
  const { publish } = permissionsOf(ticker, [ticker, subscriber], 1);
  const own = hears('ticker').map((subject) => subject.replace('REEL_0', 'CLOCK_0_ticker'));
  assert.deepEqual(publish, ['reel.*.*.fault.ticker.*.fault', ...reads, 'timer.0.ticker.set.*.*', ...own, 'presence.ticker.*']);
});

it('a performer writes values under its own name, and the registry of tools only when it performs tools', () => {
  const of = (kind: string): readonly string[] => permissionsOf(performer(kind), [performer(kind)], 1).publish;
  assert.ok(of('sms').includes('blob.0.sms-sender.*.*'));
  assert.deepEqual(
    ['sms', 'tool'].map((kind) => of(kind).some((subject) => subject.startsWith('$KV.'))),
    [false, true],
  );
});
