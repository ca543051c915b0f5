/** Every rule of the protocol: runs that keep them all, and for each rule a run that breaks it and no other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '@reel/contracts/envelope.ts';
import { story } from '@reel/contracts/story.ts';
import { definePerformer, defineService } from '../service.ts';
import { given, sent, settled } from './fixtures/doubtful.ts';
import { callOf, completed, failed, goal, harmless } from './fixtures/runs.ts';
import { type Line, placed, START_MS, tell } from './fixtures/script.ts';
import { beside, lateAfterEnd, plannedBefore, plannedNow, withLate } from './fixtures/variants.ts';
import { cases, later, outrun } from './fixtures/violations.ts';
import { check, findings, rules } from './protocol.ts';
import { notTheirs, publishersOf } from './publishers.ts';

const about = (...families: string[]) => story.filter(({ type }) => families.some((family) => type.startsWith(family)));
const performer = (name: string, kind: string) => definePerformer({ name, kind, perform: async () => null });
const cast = publishersOf([
  defineService({ name: 'gateway', publishes: about('run.request', 'run.control', 'vote.request'), on: {} }),
  defineService({ name: 'planner', publishes: about('plan.proposal', 'answer.proposal', 'step.request', 'step.retry'), on: {} }),
  defineService({ name: 'policy', publishes: story.filter(({ slot }) => slot === 'verdict' || slot === 'ruling'), on: {} }),
  defineService({ name: 'validator', publishes: story.filter(({ slot }) => slot === 'check'), on: {} }),
  defineService({
    name: 'saga-tracker',
    publishes: about(
      'run.closing',
      'run.outcome',
      'undo.request',
      'step.start.withdrawn',
      'step.outcome.timed-out',
      'step.wake',
      'step.residue',
    ),
    on: {},
  }),
  performer('tool-executor', 'tool'),
  performer('model-executor', 'model'),
  performer('human-executor', 'person'),
] as never);

describe('the protocol', () => {
  const found = (log: readonly Line[], now?: number) => check(tell(log), { cast, ...(now === undefined ? {} : { now }) });

  it('is kept by runs that complete, fail, never had an effect, have one late, read something too late, or are under way', () => {
    for (const log of [
      completed,
      failed,
      harmless,
      lateAfterEnd,
      beside(completed),
      plannedBefore,
      plannedNow,
      withLate(placed('tool.c.1'), placed('tool.a.1')),
      outrun('tool.d.1', callOf('look')),
      settled,
      given,
      sent,
      goal(['revise', 'repair', 'repair', 'revise', 'revise']),
    ])
      for (let facts = 1; facts <= log.length; facts += 1) assert.deepEqual(found(log.slice(0, facts), START_MS), []);
    assert.deepEqual(found(completed, later), []);
    assert.deepEqual(found(failed, later), []);
  });
  for (const { rule, when, log, now } of cases) {
    it(`is broken in nothing but "${rule}" when ${when}`, () => {
      const names = [...new Set(found(log, now).map((finding) => finding.rule))];
      assert.deepEqual(names, [rule], findings(tell(log), { cast, ...(now === undefined ? {} : { now }) }).join('\n'));
    });
  }
  it('has a case for every rule, and every rule a sentence of its own', () => {
    assert.deepEqual([...new Set(cases.map(({ rule }) => rule))].sort(), rules.map(({ name }) => name).sort());
    assert.equal(new Set(rules.map(({ sentence }) => sentence)).size, rules.length);
    for (const { sentence } of rules) assert.match(sentence, /^[A-Z].*\.$/);
  });
  it('lets a performer from elsewhere speak of its own kind, and of nothing else', () => {
    const fact = (kind: string, type: string) => ({ source: 'sms-sender', type, at: { kind, id: 'x', n: 1, slot: 'outcome' } }) as Event;
    assert.equal(notTheirs(cast, fact('sms', 'step.outcome.succeeded')), undefined);
    assert.match(notTheirs(cast, fact('tool', 'step.outcome.succeeded')) ?? '', /no service called sms-sender/);
    assert.match(notTheirs(cast, fact('sms', 'step.verdict.approved')) ?? '', /no service called sms-sender/);
  });
});
