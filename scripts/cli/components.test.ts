import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComponentList } from '@reel/gateway/shapes.ts';
import { componentRows, HEADINGS } from './components.ts';

type Component = ComponentList['components'][number];
const component = (name: string, more: Partial<Component> = {}): Component => ({
  name,
  shape: 'service',
  instance: 'i',
  pid: 1,
  startedAt: '2026-11-01T10:00:00.000Z',
  version: '0.1.0',
  subscribes: [],
  publishes: [],
  offers: {},
  ...more,
});
const rowsOf = (...components: Component[]): string[][] => componentRows(components, (time) => time.slice(0, 10));

test('a service has one row, however many instances of it there are: since the oldest, with every version', () => {
  assert.deepEqual(
    rowsOf(component('planner', { startedAt: '2026-11-02T10:00:00.000Z', version: '0.2.0' }), component('planner'), component('policy')),
    [
      ['planner', 'service', '2', '2026-11-01', '0.2.0, 0.1.0', ''],
      ['policy', 'service', '1', '2026-11-01', '0.1.0', ''],
    ],
  );
});

test('a performer is named for its kind, with what its instances offer together', () => {
  const model = (name: string, scripted?: true) => ({ name, capabilities: [], price: 'low' as const, ...(scripted ? { scripted } : {}) });
  const performer = (name: string, kind: string, offers: Component['offers']): Component =>
    component(name, { shape: 'performer', kind, offers });
  const rows = rowsOf(
    performer('models', 'model', { models: [model('big'), model('scripted', true)] }),
    performer('tools', 'tool', { tools: ['a', 'b'] }),
    performer('tools', 'tool', { tools: ['b', 'c'] }),
    performer('one', 'tool', { tools: ['a'], models: [model('small')] }),
    performer('none', 'tool', { tools: [] }),
    performer('human-executor', 'person', {}),
  );
  assert.deepEqual(
    rows.map(([name, does, instances, , , offers]) => [name, does, instances, offers]),
    [
      ['models', 'performs model', '1', 'models big, scripted (scripted)'],
      ['tools', 'performs tool', '2', '3 tools'],
      ['one', 'performs tool', '1', '1 tool, model small'],
      ['none', 'performs tool', '1', '0 tools'],
      ['human-executor', 'performs person', '1', ''],
    ],
  );
  assert.ok(rows.every(({ length }) => length === HEADINGS.length));
});
