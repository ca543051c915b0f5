/** Every service in a container of its own, hardened as in the Kubernetes base: stories are told, and services replaced under load. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { lacking } from './containers/podman.ts';
import { STALL_MS, smoke, stallText } from './containers/smoke.ts';

const why = await lacking();

it('runs in containers tell their stories, and go on while every service is replaced', {
  skip: why === undefined ? false : `containers cannot be run: ${why}`,
  timeout: 280_000,
}, async (context) => {
  const { runs, findings, stalls, replaced } = await smoke(10, (line) => context.diagnostic(line));
  assert.deepEqual(findings, []);
  assert.ok(runs > 10, `${runs} runs ended`);
  const [longest = assert.fail('no run was looked at')] = stalls.slice(-1);
  // Beside other tests, everything takes longer: as much as starting a service does, which is done in a second or two otherwise.
  const slowness = Math.max(1, ...[...replaced.values()].map(({ readyMs }) => readyMs / STALL_MS));
  assert.ok(longest.ms <= STALL_MS * slowness, stallText(longest, replaced));
});
