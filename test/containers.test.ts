/** Every service in a container of its own, hardened as in the Kubernetes base: stories are told, and services replaced under load. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { lacking } from './containers/podman.ts';
import { STALL_MS, smoke } from './containers/smoke.ts';

const why = await lacking();

it('runs in containers tell their stories, and go on while every service is replaced', {
  skip: why === undefined ? false : `containers cannot be run: ${why}`,
  timeout: 280_000,
}, async (context) => {
  const { runs, findings, stalls } = await smoke(10, (line) => context.diagnostic(line));
  assert.deepEqual(findings, []);
  assert.ok(runs > 10, `${runs} runs ended`);
  assert.ok((stalls.at(-1) as number) <= STALL_MS, `a run stood still for ${stalls.at(-1)} ms`);
});
