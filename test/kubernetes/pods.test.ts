/** The pods of the rendered manifests have what they are said to have; and whoever takes some of it away is found out. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Document } from '@reel/scripts/kubernetes/base.ts';
import { type Change, changed, changesTo, POD, PROVISIONER } from './changes.ts';
import { demanded, SERVICES, unmet } from './demands.ts';
import { carries, labelsOf, nameOf, of, type Workload } from './pods.ts';
import { installations, rendered } from './rendered.ts';

for (const { name: installation, skip } of installations) {
  describe(`what runs, ${installation}`, { skip }, () => {
    let all: Document[];
    const findings = new Set<string>();
    before(async () => {
      all = await rendered(installation);
    });
    const finds = (what: string, found: readonly string[], subject: string, demands: readonly string[]): void => {
      for (const demand of demands) findings.add(demand);
      assert.deepEqual(new Set(found), new Set(demands.map((demand) => `${subject}: ${demand}`)), `${subject}: ${what}`);
    };
    const changes = (kind: string, subject: string, several: readonly Change[]): void => {
      for (const [path, value, ...demands] of several) {
        finds(`${path} ${String(value)}`, unmet(changed(all, kind, subject, path, value), installation), subject, demands);
      }
    };

    it('meets every demand', () => {
      assert.deepEqual(unmet(all, installation), []);
    });

    it('does not when anything is taken away from a service', () => {
      for (const service of SERVICES) changes('Deployment', service, changesTo(service, installation));
    });

    it('does not when anything is taken away from the provisioner', () => {
      changes('Job', 'provisioner', [...POD, ...PROVISIONER]);
      const without = all.filter(({ kind }) => kind !== 'Job');
      finds('no Job', unmet(without, installation), 'provisioner', ['is there']);
    });

    it('does not when anything beside a service is taken away', () => {
      const budget = 'has one budget, which lets one go at a time';
      const account = 'has an account of its own that hands out no token';
      const without = (kind: string): Document[] => all.filter((one) => one.kind !== kind || nameOf(one) !== 'human-executor');
      const budgetWith = (path: string, value: unknown): Document[] => changed(all, 'PodDisruptionBudget', 'human-executor', path, value);
      const tokens = changed(all, 'ServiceAccount', 'human-executor', 'automountServiceAccountToken', true);
      const again = all.filter((one) => one.kind === 'PodDisruptionBudget' && nameOf(one) === 'human-executor');
      for (const [what, objects, demand] of [
        ['no Deployment', without('Deployment'), 'is there'],
        ['no budget', without('PodDisruptionBudget'), budget],
        ['a budget for two', budgetWith('spec maxUnavailable', 2), budget],
        ['a budget for somebody else', budgetWith('spec selector matchLabels', { 'app.kubernetes.io/name': 'other' }), budget],
        ['two budgets', [...all, ...again], budget],
        ['no account', without('ServiceAccount'), account],
        ['an account with a token', tokens, account],
      ] as const)
        finds(what, unmet(objects, installation), 'human-executor', [demand]);
    });

    it('demands nothing that cannot be found missing', () => {
      assert.deepEqual(
        demanded.filter((demand) => !findings.has(demand)),
        [],
      );
    });

    it('has the gateway called at its port, and nobody else', () => {
      type Service = { readonly spec: { readonly selector: { [key: string]: string }; readonly ports: readonly object[] } };
      const services = of<Service>(all, 'Service');
      assert.deepEqual(
        services.map((one) => [nameOf(one), one.spec.ports]),
        [['gateway', [{ name: 'http', port: 7070, targetPort: 'http' }]]],
      );
      const called = of<Workload>(all, 'Deployment').filter((one) => carries(labelsOf(one), services[0]?.spec.selector));
      assert.deepEqual(
        called.map((one) => [nameOf(one), one.spec.template.spec.containers[0]?.ports?.find(({ name }) => name === 'http')?.containerPort]),
        [['gateway', 7070]],
      );
    });

    it('keeps keys in Secrets, each in one of its own', { skip: installation === 'base' ? 'an overlay has the keys' : false }, () => {
      const secrets = of<{ readonly data: object }>(all, 'Secret').map((one) => [nameOf(one).slice(0, -11), Object.keys(one.data)]);
      assert.deepEqual(
        new Map(secrets as [string, string[]][]),
        new Map([...SERVICES, 'provisioner'].map((name) => [`credentials-${name}`, [`${name}.nk`]])),
      );
      const others = JSON.stringify(all.filter(({ kind }) => kind !== 'Secret'));
      assert.doesNotMatch(others, /\bSU[A-Z2-7]{56}\b/, 'a key of NATS outside of a Secret');
    });
  });
}
