import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { theRun } from './address.ts';
import { stepSucceeded } from './step.ts';
import { definitionOf, story } from './story.ts';

describe('the catalogue', () => {
  it('has every fact once, named for its slot', () => {
    assert.equal(new Set(story.map(({ type }) => type)).size, story.length);
    for (const { type, about, slot, answer } of story) assert.equal(type, `${about}.${slot}.${answer}`);
  });
  it('is in the order of a run: what must stand before a fact comes before it', () => {
    const position = new Map(story.map(({ type }, index) => [type, index]));
    for (const { type, after } of story) {
      for (const earlier of after)
        assert.ok((position.get(earlier) ?? Number.POSITIVE_INFINITY) < (position.get(type) as number), `${type} before ${earlier}`);
    }
  });
  it('knows its own and nothing else', () => {
    assert.equal(definitionOf('step.outcome.succeeded'), stepSucceeded);
    assert.equal(definitionOf('step.outcome.exploded'), undefined);
  });
});

it('a fact cannot be drafted about something of another family', () =>
  assert.throws(() => stepSucceeded(theRun, { output: 1 }), /step\.outcome\.succeeded cannot be said about a run/));
