/**
 * A broker as an attacker finds it who has the true credentials of a service: Reel's own services, an admitted subscriber, an admitted
 * performer, an admitted service with timers, and the operator. None of them runs.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { operatorPermissions, permissionsOf } from '@reel/bus/provisioning/permissions.ts';
import { OPERATOR } from '@reel/bus/runtime/role.ts';
import { admit } from '@reel/scripts/local/admit.ts';
import { installationIn, rolesIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import type { NatsConnection } from 'nats';

/** `publish`, `subscribe`: what the broker lets it do, as subjects with wildcards. */
export type Attacker = { readonly name: string; readonly publish: readonly string[]; readonly subscribe: readonly string[] };

export type Scene = {
  readonly local: Local;
  readonly attackers: readonly Attacker[];
  /** A connection with the credentials of that name; it is closed with the scene. */
  as(name: string): Promise<NatsConnection>;
  close(): Promise<void>;
};

const admitted = ['../extension/notifier.ts', '../extension/sms.ts', '../extension/ticker.ts'].map((path) =>
  join(import.meta.dirname, path),
);

export async function openScene(): Promise<Scene> {
  const dir = await mkdtemp(join(tmpdir(), 'reel-hostile-'));
  const local = await startLocal({ dir, services: [], env: {}, logLevel: 'silent' });
  for (const path of admitted) await admit(path, dir);
  const installation = installationIn(dir);
  const roles = await rolesIn(installation);
  const connections: NatsConnection[] = [];
  return {
    local,
    attackers: [
      ...roles.map((role) => ({ name: role.name, ...permissionsOf(role, roles, 1) })),
      { name: OPERATOR, ...operatorPermissions(roles, 1) },
    ],
    as: async (name) => {
      const connection = await connect({ servers: local.nats, credentials: installation.credentials }, name);
      connections.push(connection);
      return connection;
    },
    close: async () => {
      await Promise.all(connections.map((connection) => connection.close()));
      await local.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** True when a subject is one of those that a pattern with wildcards stands for. */
export function isUnder(pattern: string, subject: string): boolean {
  const [wanted, tokens] = [pattern.split('.'), subject.split('.')];
  if (wanted.at(-1) === '>' ? tokens.length < wanted.length : tokens.length !== wanted.length) return false;
  return wanted.every((one, index) => one === '>' || one === '*' || one === tokens[index]);
}

let last = 0;
/** A subject of a pattern that nothing was said at before. The tokens of addresses that are numbers are the first of their kind. */
export const freshUnder = (pattern: string): string =>
  pattern
    .split('.')
    .map((token, index) => {
      if (token !== '*' && token !== '>') return token;
      last += 1;
      return index === 1 ? '0' : index === 5 ? '1' : `e${last}`;
    })
    .join('.');

/** Every subject of a pattern that can be made of subjects that are known: `A.B.*.*` and `x.y` are `A.B.x.y`. */
export function knownUnder(pattern: string, known: readonly string[]): string[] {
  const prefixes = pattern.split('.').map((_, index, all) => all.slice(0, index).join('.'));
  return known.flatMap((subject) =>
    prefixes.map((prefix) => (prefix === '' ? subject : `${prefix}.${subject}`)).filter((made) => isUnder(pattern, made)),
  );
}
