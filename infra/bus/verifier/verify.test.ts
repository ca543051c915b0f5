/** A log of many runs at once, gathered and verified in one pass. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as s from '@reel/contracts/step.ts';
import type { Raw } from '../log.ts';
import type { FullLog } from '../operator/full-log.ts';
import { completed, failed, harmless, problem } from './fixtures/runs.ts';
import { after, type Line, placed, saying, tell } from './fixtures/script.ts';
import { later } from './fixtures/violations.ts';
import { gathered } from './gather.ts';
import { nothingVerified, type Verified, verifyShard } from './verify.ts';

/** A run as it is stored under a name. */
const storedAs = (run: string, lines: readonly Line[]): Omit<Raw, 'seq'>[] =>
  tell(lines).map((entry) => {
    if (!('type' in entry)) throw new Error(`${entry.address} is void`);
    const { address, type, source, cause, time, data } = entry;
    const named = (text: string): string => text.replace('reel.0.R.', `reel.0.${run}.`);
    const envelope = {
      specversion: '1.0',
      id: named(address),
      source,
      type,
      time: new Date(time).toISOString(),
      runid: run,
      causationid: named(cause),
      data,
    };
    return { subject: named(address), time, body: JSON.stringify(envelope).replaceAll('reel.0.R.', `reel.0.${run}.`) };
  });

/** The log in which these were stored in turn, one fact of each after the other. @param first the position of the first. */
function logOf(runs: readonly Omit<Raw, 'seq'>[][], first = 1): FullLog {
  const longest = Math.max(...runs.map(({ length }) => length));
  const inTurn = Array.from({ length: longest }, (_, i) => runs.flatMap((run) => run[i] ?? [])).flat();
  const raws = inTurn.map((raw, i) => ({ ...raw, seq: first + i }));
  return {
    facts: async function* () {
      yield* raws;
    },
    run: async (_, run) => raws.filter(({ subject }) => subject.startsWith(`reel.0.${run}.`)),
    blobs: () => async () => undefined,
  };
}

const verified = async (log: FullLog): Promise<Verified> => {
  const found = nothingVerified();
  await verifyShard(log, 0, { now: later }, found);
  return found;
};

describe('a log', () => {
  it('is gathered into runs: those that are over, those that are open, keys, and what belongs to none of them', async () => {
    const log = logOf([
      storedAs('A', completed),
      storedAs('B', failed.slice(0, 9)),
      storedAs('C', harmless),
      [{ subject: 'reel.0.K.claim.key.1.claim', time: 1, body: '' }],
      storedAs('D', completed).slice(5),
    ]);
    const states: string[] = [];
    for await (const { state, run, raws } of gathered(log.facts(0), 0)) states.push(`${run} ${state} ${raws.length}`);
    assert.deepEqual(states.sort(), [`A over ${completed.length}`, 'B open 9', `C over ${harmless.length}`, 'D stray 0', 'K claim 1']);
  });

  it('that keeps the rules has no findings, and is counted', async () => {
    const runs = Array.from({ length: 40 }, (_, i) => storedAs(`R${i}`, [completed, failed, harmless][i % 3] ?? completed));
    assert.deepEqual(await verified(logOf(runs)), { runs: 40, open: 0, cut: 0, facts: runs.flat().length, findings: [] });
  });

  it('is told by its findings which fact of which run breaks what', async () => {
    const { findings } = await verified(
      logOf([storedAs('A', completed), storedAs('B', saying('run.run.1.outcome', { answer: 43 })(completed))]),
    );
    assert.deepEqual(findings, [
      { rule: 'answered', address: 'reel.0.B.run.run.1.outcome', message: 'its answer is not one that was approved' },
    ]);
  });

  it('is not blamed for what was mended long after the end of a run', async () => {
    const late = after('run.run.1.outcome', { ...lateOf, answers: 'tool.c.1.verdict' })(harmless);
    const told = after('tool.c.1.late', { draft: s.stepResidue(placed('tool.c.1'), { problem }) })(late);
    const others = Array.from({ length: 300 }, (_, i) => storedAs(`O${i}`, harmless));
    const mended = [...storedAs('A', harmless), ...others.flat(), ...storedAs('A', told).slice(harmless.length)];
    assert.deepEqual((await verified(logOf([mended]))).findings, []);
    const untold = [...storedAs('A', harmless), ...others.flat(), ...storedAs('A', late).slice(harmless.length)];
    assert.deepEqual(
      (await verified(logOf([untold]))).findings.map(({ rule, address }) => `${rule} ${address}`),
      ['residue reel.0.A.tool.c.1.late'],
    );
  });

  it('of which the beginning has aged out tells how many runs it has only the end of', async () => {
    const cut = storedAs('A', completed).slice(8);
    const whole = storedAs('B', completed);
    const { runs, cut: count, findings } = await verified(logOf([cut, whole], 5000));
    assert.deepEqual({ runs, count, findings }, { runs: 1, count: 1, findings: [] });
    assert.ok((await verified(logOf([cut, whole], 1))).findings.some(({ rule }) => rule === 'begun'));
  });
});

const lateOf: Line = { draft: s.stepLate(placed('tool.c.1'), { output: 1 }) };
