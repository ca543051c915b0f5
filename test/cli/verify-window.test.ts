/** `reel verify` for a window of time: by when a run was requested, whatever was said of it since, in the log and in an archive alike. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { encode } from '@reel/bus/runtime/envelope-codec.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { until } from '@reel/scripts/local/until.ts';
import { verify } from '@reel/scripts/verify/verify.ts';
import { callReel } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

type Kept = { readonly id: string; readonly requestedMs: number; readonly facts: number };
type Window = { readonly since?: string; readonly until?: string };

let reel: LocalReel;

/** Another sound run. */
async function another(): Promise<string> {
  const { id } = await reel.finish({ name: 'echo', steps: [{ id: 'e', uses: 'echo', with: { value: 1 } }] });
  return id;
}

/** What is stored of a run by now. */
async function kept(id: string): Promise<Kept> {
  const { entries } = await reel.log(id);
  return { id, requestedMs: entries[0]?.time as number, facts: entries.length };
}

/** Says in a run what breaks the protocol, as whoever has the broker's own credentials can: of a fault with what nobody has said. */
async function spoil(run: string): Promise<{ rule: string; address: string; message: string }> {
  const place = { kind: 'fault', id: 'validator', n: 1 };
  const nowhere = `reel.0.${run}.tool.nowhere.1.outcome`;
  const draft = faultRaised(place, { event: nowhere, problem: { code: 'x', message: 'made up' } });
  const cause = `reel.0.${run}.run.run.1.request`;
  const fact = encode(draft, { shard: 0, run, ...place, slot: draft.slot }, 'validator', cause, undefined, Date.now());
  const connection = await connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, 'provisioner');
  const { error } = (await connection.request(fact.id, JSON.stringify(fact), { timeout: 5000 })).json<{ error?: object }>();
  await connection.close();
  assert.equal(error, undefined);
  return { rule: 'faulted', address: fact.id, message: `it is about ${nowhere}, which is not there` };
}

before(async () => {
  reel = await startReel({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] });
  await until(async () => (await reel.ask<{ tools: unknown[] }>('GET', '/v1/tools')).body.tools.length >= 6);
});
after(() => reel.close());

it('a run is verified in the window in which it was requested, and in no other', { timeout: 120_000 }, async () => {
  const archived = join(reel.dir, 'archive');
  const keep = () => callReel(reel, ['archive', '--to', archived, '--before', '0s']);
  const ids = [await another(), await another(), await another()] as const;
  assert.match((await keep()).stdout, /^3 runs, /);
  // It is said after the third was requested, and archived when the rest of its run was already.
  const finding = await spoil(ids[1]);
  assert.match((await keep()).stdout, /^0 runs, 1 facts in 1 new volumes/);
  const [first, spoilt, third] = [await kept(ids[0]), await kept(ids[1]), await kept(ids[2])];
  const at = (run: Kept, moreMs = 0): string => new Date(run.requestedMs + moreMs).toISOString();

  const windows: readonly [Window, readonly Kept[]][] = [
    [{}, [first, spoilt, third]],
    [{ until: at(spoilt, -1) }, [first]],
    [{ since: at(spoilt, 1) }, [third]],
    [{ since: at(first, 1), until: at(spoilt, -1) }, []],
    // Both ends are in it.
    [{ until: at(spoilt) }, [first, spoilt]],
    [{ since: at(spoilt) }, [spoilt, third]],
    [{ since: at(first, 1), until: at(third, -1) }, [spoilt]],
  ];
  for (const place of [{}, { archive: archived }]) {
    for (const [window, runs] of windows) {
      const found = await verify(undefined, { dir: reel.local.dir, ...window, ...place });
      assert.deepEqual(
        [found.runs, found.facts, found.findings],
        [runs.length, runs.reduce((sum, { facts }) => sum + facts, 0), runs.includes(spoilt) ? [finding] : []],
        JSON.stringify({ ...window, ...place, first, spoilt, third }),
      );
    }
    const where = Object.entries(place).flatMap(([option, value]) => [`--${option}`, value]);
    const without = await callReel(reel, ['verify', '--since', at(spoilt, 1), ...where]);
    assert.equal(without.code, 0, without.stdout);
    assert.match(without.stdout, new RegExp(`^1 run, ${third.facts} facts, 0 findings, `));
    const within = await callReel(reel, ['verify', '--since', at(first, 1), '--until', at(third, -1), ...where]);
    assert.equal(within.code, 1);
    assert.ok(within.stdout.startsWith(`faulted  ${finding.address}  ${finding.message}\n1 run, ${spoilt.facts} facts, 1 finding, `));
  }
});
