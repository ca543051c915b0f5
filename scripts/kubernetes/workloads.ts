/** What runs: a Deployment for each service, with what keeps enough of it there, and the Job that makes the streams. */
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment';
import type { IJob } from 'kubernetes-models/batch/v1/Job';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import type { IService } from 'kubernetes-models/v1/Service';
import type { IServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import type { Needs } from './needs.ts';
import { API_PORT, BROKER, ETC, hardened, IMAGE, labelsOf, podOf } from './pod.ts';

export function deploymentOf(name: string, needs: Needs): IDeployment {
  const labels = labelsOf(name);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      replicas: needs.replicas,
      selector: { matchLabels: labels },
      // The new one serves before the old one is told to stop.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: { metadata: { labels }, spec: podOf(name, needs) },
    },
  };
}

export const budgetOf = (name: string): IPodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name, labels: labelsOf(name) },
  spec: { maxUnavailable: 1, selector: { matchLabels: labelsOf(name) } },
});

/** An account that may do nothing: Reel asks nothing of the cluster. */
export const accountOf = (name: string): IServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, labels: labelsOf(name) },
  automountServiceAccountToken: false,
});

export const api: IService = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'gateway', labels: labelsOf('gateway') },
  spec: { selector: labelsOf('gateway'), ports: [{ name: 'http', port: API_PORT, targetPort: 'http' }] },
};

/** A node's file store: `maxSize` in nats-values.yaml. */
const STORE = '16Gi';

export const PROVISIONER = 'provisioner';

/** Makes or updates streams and durables, and goes. It is tried again until the broker is there; services wait for it. */
export const provisioning: IJob = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: PROVISIONER, labels: labelsOf(PROVISIONER) },
  spec: {
    backoffLimit: 20,
    // A Job cannot be changed: when it has gone, the next `kubectl apply` makes it anew.
    ttlSecondsAfterFinished: 60,
    template: {
      metadata: { labels: labelsOf(PROVISIONER) },
      spec: {
        ...hardened(
          PROVISIONER,
          {
            name: PROVISIONER,
            image: IMAGE,
            command: ['node', 'scripts/reel.ts'],
            args: ['provision', '--dir', ETC, '--nats', BROKER, '--replicas', '3', '--store-bytes', STORE],
            resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
            volumeMounts: [{ name: 'cast', mountPath: `${ETC}/cast`, readOnly: true }],
          },
          [{ name: 'cast', configMap: { name: 'cast' } }],
        ),
        restartPolicy: 'OnFailure',
      },
    },
  },
};
