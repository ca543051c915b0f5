import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openAgenda, type Task } from './agenda.ts';
import { byLot, byScript, CALM, MALICE } from './faults.ts';

const moments = Array.from({ length: 2000 }, (_, i) => ['hears', 'planner', `R.tool.s${i}.1.verdict`] as const);

it('a fault has the same chance whatever came before it', () => {
  const [all, last] = [byLot(7, MALICE), byLot(7, MALICE)];
  const found = moments.map((moment) => all.at(...moment));
  assert.deepEqual(last.at(...(moments[1999] as (typeof moments)[number])), found[1999]);
  assert.notDeepEqual(
    moments.map((moment) => byLot(8, MALICE).at(...moment)),
    found,
  );
});

it('faults are about as frequent as they are probable, and there are none on a calm day', () => {
  const chooser = byLot(1, { ...CALM, late: 0.25 });
  for (const moment of moments) chooser.at(...moment);
  assert.ok(Math.abs(chooser.script.length / moments.length - 0.25) < 0.05, String(chooser.script.length));
  const calm = byLot(1, CALM);
  for (const moment of moments) assert.equal(calm.at(...moment), undefined);
});

it('a script plays its faults again, the second time where it says so', () => {
  const chooser = byScript(['planner hears R.x: twice 40', 'planner hears R.x #2: late 3', 'planner says R.y: dies']);
  assert.deepEqual(chooser.at('hears', 'planner', 'R.x'), { what: 'twice', amount: 40 });
  assert.deepEqual(chooser.at('hears', 'planner', 'R.x'), { what: 'late', amount: 3 });
  assert.equal(chooser.at('hears', 'planner', 'R.x'), undefined);
  assert.deepEqual(chooser.at('says', 'planner', 'R.y'), { what: 'dies', amount: 0 });
  assert.deepEqual(chooser.script, ['planner hears R.x: twice 40', 'planner hears R.x #2: late 3', 'planner says R.y: dies']);
});

it('a line that is no fault is refused with those that there are', () =>
  assert.throws(
    () => byScript(['planner says R.y: sneezes']),
    /"planner says R\.y: sneezes" is no fault: expected .* one of late, delayed/,
  ));

it('a fault is refused at a moment at which it cannot happen, and with an amount where it has none, or without', () => {
  for (const [line, why] of [
    ['planner hears R.x: rubbish', '"rubbish" can happen at the moment says, and not at hears'],
    ['planner hears R.x #2: behind 3', '"behind" can happen at the moment reads, and not at hears'],
    ['planner sneezes R.x: dies', '"dies" can happen at the moment reads or looks or says or sets or performs, and not at sneezes'],
    ['planner hears R.x: late', '"late" takes an amount, a whole number from 1 on'],
    ['planner says R.x: dies 5', '"dies" takes no amount'],
  ] as const)
    assert.throws(() => byScript([line]), new Error(`"${line}" is no fault: ${why}`));
});

it('every fault that comes by lot may stand in a script', () => {
  const chooser = byLot(3, Object.fromEntries(Object.keys(CALM).map((name) => [name, 1 / 8])) as typeof CALM);
  for (const moment of ['hears', 'rings', 'acks', 'reads', 'looks', 'says', 'sets', 'performs'] as const)
    for (let i = 0; i < 200; i += 1) chooser.at(moment, 'tool-executor', `R wake-${i}`);
  assert.deepEqual(new Set(chooser.script.map((line) => /: ([a-z-]+)/.exec(line)?.[1])), new Set(Object.keys(CALM)));
  byScript(chooser.script);
});

it('what is planned happens by time, then by order; of the dead nothing, of the frozen when they thaw', () => {
  const agenda = openAgenda(0);
  const done: string[] = [];
  const task = (frozenUntilMs: number, dead = false): Task => ({ name: '', frail: true, dead, frozenUntilMs });
  for (const [name, ms, who] of [
    ['b', 5],
    ['frozen', 1, task(7)],
    ['c', 5],
    ['dead', 2, task(0, true)],
    ['a', 3],
    ['last', 9],
  ] as const)
    agenda.later(ms, () => done.push(`${name} ${agenda.now()}`), who);
  agenda.later(4, () => done.push('taken back')).off = true;
  while (agenda.next());
  assert.deepEqual(done, ['a 3', 'b 5', 'c 5', 'frozen 7', 'last 9']);
});
