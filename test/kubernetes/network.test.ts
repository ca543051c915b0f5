/** Who may call whom in a cluster, by the rendered NetworkPolicies: as the table has it; and whoever changes one of them is found out. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Document } from '@reel/scripts/kubernetes/base.ts';
import { type End, mayReach } from '@reel/scripts/kubernetes/reach.ts';
import { astray } from './callers.ts';
import { changed, GONE } from './changes.ts';
import { nameOf } from './pods.ts';
import { installations, rendered } from './rendered.ts';

/** A policy, a place in it, what is put there, and one of the calls that then differ from the table. */
const CHANGES: readonly (readonly [policy: string, path: string, value: unknown, call: string])[] = [
  ['nobody', 'spec policyTypes', ['Egress'], 'stranger > planner, TCP 7071: may'],
  ['nobody', 'spec podSelector', { matchLabels: { 'app.kubernetes.io/part-of': 'reel' } }, 'stranger > stranger here, TCP 80: may'],
  ['nobody', 'spec egress', [{}], 'planner > world, TCP 443: may'],
  ['nobody', 'spec ingress', [{}], 'stranger > gateway, TCP 7070: may'],
  ['nobody', 'metadata namespace', 'default', 'stranger > planner, TCP 7071: may'],
  ['names', 'spec egress 0 ports 0 protocol', 'TCP', 'planner > names, UDP 53: may not'],
  ['names', 'spec egress 0 ports 1', GONE, 'broker > names, TCP 53: may not'],
  ['names', 'spec egress 0 ports', GONE, 'planner > names, TCP 443: may'],
  ['names', 'spec egress 0 to', GONE, 'planner > world, TCP 53: may'],
  [
    'names',
    'spec egress 0 to 0 namespaceSelector matchLabels',
    { 'kubernetes.io/metadata.name': 'kube' },
    'human-executor > names, UDP 53: may not',
  ],
  ['names', 'spec podSelector', { matchLabels: { 'app.kubernetes.io/part-of': 'reel' } }, 'broker > names, UDP 53: may not'],
  ['services-to-broker', 'spec egress 0 ports 0 port', 4223, 'planner > broker, TCP 4222: may not'],
  [
    'services-to-broker',
    'spec podSelector matchLabels',
    { 'app.kubernetes.io/part-of': 'real' },
    'provisioner > broker, TCP 4222: may not',
  ],
  ['services-to-broker', 'spec egress 0 to 0 podSelector', {}, 'human-executor > planner, TCP 4222: may call'],
  ['broker', 'spec ingress 0 from 0 namespaceSelector', {}, 'false service > broker, TCP 4222: may'],
  ['broker', 'spec ingress 0 from', GONE, 'stranger > broker, TCP 4222: may'],
  ['broker', 'spec ingress 0 ports', GONE, 'planner > broker, TCP 8222: may be called'],
  ['broker', 'spec ingress 0 ports 0 port', 4223, 'gateway > broker, TCP 4222: may not'],
  ['broker', 'spec ingress 1', GONE, 'broker > broker, TCP 6222: may not'],
  ['broker', 'spec egress', GONE, 'broker > broker, TCP 6222: may not'],
  ['broker', 'spec egress', [{}], 'broker > world, TCP 443: may'],
  ['clients-to-gateway', 'spec ingress 0 from 0 podSelector', GONE, 'stranger > gateway, TCP 7070: may'],
  [
    'clients-to-gateway',
    'spec ingress 0 from 0 podSelector matchLabels',
    { 'reel/clients': 'true' },
    'client > gateway, TCP 7070: may not',
  ],
  ['clients-to-gateway', 'spec ingress 0 from 0 namespaceSelector', GONE, 'client > gateway, TCP 7070: may not'],
  ['clients-to-gateway', 'spec ingress 0 from +', { ipBlock: { cidr: '0.0.0.0/0' } }, 'world > gateway, TCP 7070: may'],
  ['clients-to-gateway', 'spec ingress 0 ports', GONE, 'client > gateway, TCP 7071: may'],
  ['clients-to-gateway', 'spec podSelector', {}, 'client > planner, TCP 7070: may'],
  ['executors-to-world', 'spec podSelector', { matchLabels: { 'app.kubernetes.io/part-of': 'reel' } }, 'planner > world, TCP 443: may'],
  ['executors-to-world', 'spec podSelector matchExpressions 0 values', ['tool-executor'], 'model-executor > world, TCP 443: may not'],
  ['executors-to-world', 'spec egress 0', GONE, 'tool-executor > tool, TCP 80: may not'],
  ['executors-to-world', 'spec egress 1', GONE, 'tool-executor > world, TCP 443: may not'],
  ['executors-to-world', 'spec egress 1 ports', GONE, 'model-executor > world, TCP 80: may'],
  ['executors-to-world', 'spec egress 1 to 1', GONE, 'tool-executor > world, IPv6, TCP 443: may not'],
  ['executors-to-world', 'spec egress 1 to 0 ipBlock except', GONE, 'tool-executor > 169.254.169.254, TCP 443: may'],
  ...['10.96.0.1', '172.20.0.1', '192.168.0.1', '100.100.100.200', '169.254.169.254', '127.0.0.1'].map(
    (ip, place) =>
      ['executors-to-world', `spec egress 1 to 0 ipBlock except ${place}`, GONE, `tool-executor > ${ip}, TCP 443: may`] as const,
  ),
  ...['fd00:ec2::254', 'fe80::1', '::1'].map(
    (ip, place) =>
      ['executors-to-world', `spec egress 1 to 1 ipBlock except ${place}`, GONE, `tool-executor > ${ip}, TCP 443: may`] as const,
  ),
  ['tools-here', 'spec ingress 0 from', GONE, 'stranger > tool here, TCP 80: may'],
  ['clients-here', 'spec egress 0 to', GONE, 'client here > world, TCP 7070: may'],
];

/** A policy, and what differs from the table without it. */
const REMOVED: readonly (readonly [policy: string, call: string])[] = [
  ['nobody', 'stranger > planner, TCP 7071: may'],
  ['names', 'provisioner > names, UDP 53: may not'],
  ['services-to-broker', 'planner > broker, TCP 4222: may not'],
  ['broker', 'saga-tracker > broker, TCP 4222: may not'],
  ['clients-to-gateway', 'client > gateway, TCP 7070: may not'],
  ['executors-to-world', 'tool-executor > world, TCP 443: may not'],
  ['tools-here', 'tool-executor > tool here, TCP 443: may not'],
  ['clients-here', 'client here > gateway, TCP 7070: may not'],
];

for (const { name: installation, skip } of installations) {
  describe(`who may call whom, ${installation}`, { skip }, () => {
    let all: Document[];
    before(async () => {
      all = await rendered(installation);
    });
    const without = (wanted: (name: string) => boolean): Document[] =>
      all.filter((one) => one.kind !== 'NetworkPolicy' || !wanted(nameOf(one)));

    it('is as the table has it', () => {
      assert.deepEqual(astray(all), []);
    });

    it('is not when a policy is taken away', () => {
      const policies = all.filter(({ kind }) => kind === 'NetworkPolicy').map(nameOf);
      assert.deepEqual(new Set(REMOVED.map(([name]) => name)), new Set(policies));
      for (const [policy, call] of REMOVED) assert.ok(astray(without((name) => name === policy)).includes(call), `${policy}: ${call}`);
      assert.ok(astray(without((name) => name !== 'nobody')).includes('planner > broker, TCP 4222: may not'));
    });

    it('is not when a policy is changed', () => {
      const unseen = CHANGES.filter(
        ([policy, path, value, call]) => !astray(changed(all, 'NetworkPolicy', policy, path, value)).includes(call),
      );
      assert.deepEqual(unseen, []);
    });

    it('is not when a label is misspelt', () => {
      const respelt = (from: string, to: string): string[] => astray(JSON.parse(JSON.stringify(all).replaceAll(from, to)) as Document[]);
      assert.ok(
        respelt('"app.kubernetes.io/name":"nats"', '"app.kubernetes.io/name":"natz"').includes('planner > broker, TCP 4222: may not'),
      );
      assert.ok(respelt('"reel/client"', '"reel/clients"').includes('client > gateway, TCP 7070: may not'));
      assert.ok(respelt('"reel/tool"', '"reel/tools"').includes('tool-executor > tool, TCP 80: may not'));
      assert.ok(respelt('kube-system', 'kube').includes('planner > names, UDP 53: may not'));
      const unlabelled = changed(all, 'Deployment', 'planner', 'spec template metadata labels', {});
      assert.ok(astray(unlabelled).includes('planner > broker, TCP 4222: may not'));
    });
  });
}

describe('what a NetworkPolicy means', () => {
  const here = (labels: { [key: string]: string } = {}): End => ({ ip: '10.1.1.1', pod: { namespace: 'here', labels } });
  const there: End = { ip: '10.1.1.2', pod: { namespace: 'there', labels: { a: 'b' } } };
  const world: End = { ip: '203.0.113.7' };
  const policy = (spec: object) => ({
    apiVersion: 'networking.k8s.io/v1' as const,
    kind: 'NetworkPolicy' as const,
    metadata: { namespace: 'here' },
    spec: { podSelector: {}, ...spec },
  });
  const can = (specs: readonly object[], from: End, to: End, port = 80, protocol: 'TCP' | 'UDP' = 'TCP'): boolean =>
    mayReach(specs.map(policy), from, to, { port, protocol });

  it('keeps nobody whom it does not select', () => {
    assert.equal(can([], there, here()), true);
    assert.equal(can([{ podSelector: { matchLabels: { a: 'b' } } }], world, here()), true);
    assert.equal(can([{ podSelector: { matchLabels: { a: 'b' } } }], world, here({ a: 'b' })), false);
    assert.equal(can([{}], world, there), true);
  });

  it('is of callers alone, unless it says that it is of calls as well', () => {
    assert.equal(can([{}], here(), world), true);
    assert.equal(can([{ egress: [] }], here(), world), false);
    assert.equal(can([{ policyTypes: ['Egress'] }], world, here()), true);
    assert.equal(can([{ policyTypes: ['Egress'] }], here(), world), false);
  });

  it('lets those who are named by any of its rules, or by any other policy', () => {
    const byLabel = { ingress: [{ from: [{ namespaceSelector: {}, podSelector: { matchLabels: { a: 'b' } } }] }] };
    assert.equal(can([byLabel], there, here()), true);
    assert.equal(can([{}, byLabel], there, here()), true);
    assert.equal(can([{ ingress: [{ from: [{ podSelector: { matchLabels: { a: 'b' } } }] }] }], there, here()), false);
    assert.equal(
      can([{ ingress: [{ from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'there' } } }] }] }], there, here()),
      true,
    );
    assert.equal(can([{ ingress: [{}] }], world, here()), true);
  });

  it('is of one protocol and some ports, or of all', () => {
    const ports = [{ port: 80 }, { port: 90, endPort: 99 }, { protocol: 'UDP' }];
    const at = (port: number, protocol?: 'TCP' | 'UDP'): boolean => can([{ ingress: [{ ports }] }], world, here(), port, protocol);
    assert.deepEqual([at(80), at(81), at(90), at(99), at(100), at(81, 'UDP')], [true, false, true, true, false, true]);
    assert.throws(() => can([{ ingress: [{ ports: [{ port: 'http' }] }] }], world, here()), /"http".*has a name/);
  });

  it('selects by expressions', () => {
    const selects = (operator: string, values: string[] | undefined, labels: { [key: string]: string }): boolean =>
      !can([{ podSelector: { matchExpressions: [{ key: 'a', operator, values }] } }], world, here(labels));
    assert.deepEqual([selects('In', ['b'], { a: 'b' }), selects('In', ['b'], { a: 'c' }), selects('In', ['b'], {})], [true, false, false]);
    assert.deepEqual([selects('NotIn', ['b'], { a: 'b' }), selects('NotIn', ['b'], {})], [false, true]);
    assert.deepEqual([selects('Exists', undefined, { a: 'b' }), selects('Exists', undefined, {})], [true, false]);
    assert.deepEqual([selects('DoesNotExist', undefined, { a: 'b' }), selects('DoesNotExist', undefined, {})], [false, true]);
    assert.throws(() => selects('Near', [], {}), /"Near"/);
  });

  it('is of addresses, but for some, and of pods by theirs', () => {
    const block = (cidr: string, ...except: string[]) => [{ ingress: [{ from: [{ ipBlock: { cidr, except } }] }] }];
    assert.equal(can(block('203.0.113.0/24'), world, here()), true);
    assert.equal(can(block('203.0.113.0/24', '203.0.113.0/29'), world, here()), false);
    assert.equal(can(block('::/0'), world, here()), false);
    assert.equal(can(block('10.0.0.0/8'), there, here()), true);
  });
});
