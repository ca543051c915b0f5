import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aboutOf, addressOf, isStepKind, keyOf, parseAddress, undoneBy, undoOf } from './address.ts';

const parts = { shard: 0, run: 'R', kind: 'tool', id: 'book-hotel', n: 2, slot: 'outcome' };

describe('an address', () => {
  it('is read as it was written', () => {
    assert.equal(addressOf(parts), 'reel.0.R.tool.book-hotel.2.outcome');
    assert.deepEqual(parseAddress(addressOf(parts)), parts);
  });
  it('is nothing else', () => {
    for (const subject of [
      '',
      'reel',
      'reel.0.R.tool.x.1',
      'reel.0.R.tool.x.1.outcome.more',
      'reel.x.R.tool.x.1.outcome',
      'reel.0.R.tool.x.0.outcome',
      'reel.0.R.tool.x.01.outcome',
      'reel.0.R.tool.a b.1.outcome',
      'clock.0.R.tool.x.1.outcome',
    ]) {
      assert.equal(parseAddress(subject), undefined, subject);
    }
  });
  it('takes no token that would make it another', () => {
    for (const id of ['a.b', '*', '>', '', 'x'.repeat(65)])
      assert.throws(() => addressOf({ ...parts, id }), /cannot be part of an address/);
  });
  it('tells what it is about by its kind', () => {
    assert.deepEqual(['run', 'plan', 'answer', 'vote', 'fault', 'tool', 'person', 'undo-tool'].map(aboutOf), [
      'run',
      'plan',
      'answer',
      'vote',
      'fault',
      'step',
      'step',
      'undo',
    ]);
    assert.deepEqual(['tool', 'sms', 'run', 'undo-tool', 'Tool', 'a b'].map(isStepKind), [true, true, false, false, false, false]);
  });
  it('of an undo carries the attempt, and gives it back', () => {
    for (const id of ['book', 'book-1', 'a-1-2'])
      assert.deepEqual(undoneBy(undoOf({ kind: 'tool', id, n: 3 }, 2)), { kind: 'tool', id, n: 3 });
  });
  it('of every attempt gives the same key', () => assert.equal(keyOf(parts), keyOf({ ...parts, n: 7, slot: 'verdict' })));
});
