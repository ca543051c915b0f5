/** A gateway beside others: what another one has just been told is found here as well, before it has come here by itself. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { emptyRunLog } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openEdge } from '@reel/bus/jetstream/edge.ts';
import { openLog } from '@reel/bus/jetstream/event-log.ts';
import { openRunCache, type RunCache } from '@reel/bus/jetstream/run-cache.ts';
import { openProcessLog } from '@reel/bus/process/process-log.ts';
import { parseAddress, theRun } from '@reel/contracts/address.ts';
import { decide } from '@reel/gateway/approvals.ts';
import type { Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

let reel: LocalReel;
before(async () => {
  reel = await startReel({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] });
  process.env['REEL_API'] = reel.api;
});
after(() => reel.close());

it('a run and a question are found that this gateway has not heard of yet, and those that are not there are not', async (context) => {
  const person = { id: 'p', kind: 'person', prompt: 'well?', form: { type: 'object' } };
  const { body: run } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: { name: 'p', steps: [person] } });
  for await (const told of follow(run.id)) if ('type' in told && told.type === 'step.verdict.held') break;

  const connection = await connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, 'gateway');
  const reader = await openRunCache(connection, 1);
  // As one whose tail is behind: it knows nothing of the run but what it is expressly made to read.
  let caughtUp = false;
  const behind: RunCache = {
    ...reader,
    read: async (shard, id, atLeast) => {
      caughtUp ||= atLeast !== undefined;
      return caughtUp ? await reader.read(shard, id, atLeast) : emptyRunLog(shard, id);
    },
  };
  const log = openLog('gateway', connection, reader);
  const { edge, close } = await openEdge('gateway', { connection, log, reader: behind, shards: 1, logger: openProcessLog('warn', 2) });
  context.after(async () => {
    close();
    reader.close();
    await connection.close();
  });
  const id = `0.${run.id}.person.p.1`;
  const at = parseAddress(`reel.${id}.verdict`);
  assert.ok(at !== undefined);
  const ruling = await decide(
    edge,
    id,
    { decision: 'grant', who: 'ann', why: 'well', form: {} },
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  );
  assert.equal(ruling.ruling, 'granted');
  assert.equal(caughtUp, false);

  assert.equal(await edge.find('nope'), undefined);
  assert.equal(await edge.find(run.id), 0);
  assert.notEqual((await edge.history(0, run.id)).occupant(theRun, 'request'), undefined);
});
