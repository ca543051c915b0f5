/** The log of an installation, read as its operator: by its folder, or by REEL_NATS and REEL_CREDENTIALS. */

import { type Broker, connect } from '@reel/bus/jetstream/connect.ts';
import type { Damage } from '@reel/bus/jetstream/lost-end.ts';
import { type Inspection, inspect } from '@reel/bus/operator/damage.ts';
import { type FullLog, openFullLog } from '@reel/bus/operator/full-log.ts';
import { streamsOf } from '@reel/bus/provisioning/permissions.ts';
import { durablesOf } from '@reel/bus/provisioning/provision.ts';
import type { Role } from '@reel/bus/runtime/role.ts';
import { OPERATOR } from '@reel/bus/runtime/role.ts';
import { type Publishers, publishersOf } from '@reel/bus/verifier/publishers.ts';
import { z } from 'zod';
import { ownServices } from '../check/topology.ts';
import { Refused } from '../cli/api.ts';
import { installationIn, rolesIn, SHARDS } from './installation.ts';
import { reachable } from './local.ts';
import { type AcceptedLoss, knownIn, notAccepted } from './losses.ts';

/** From one moment to another, both of them included. */
export type Window = { readonly sinceMs: number; readonly untilMs: number };

/** Where an installation keeps what is its own. */
export const folder = (): string => process.env['REEL_DIR'] ?? '.reel';

/** How to reach the broker of the installation in `dir`. @throws when nothing runs there, with what to do. */
export async function brokerIn(dir: string): Promise<Broker> {
  const servers = process.env['REEL_NATS'] ?? (await reachable(dir))?.nats;
  if (servers === undefined)
    throw new Error(
      `nothing was started in ${dir}: \`npx reel up\` first; --dir names the folder of a running one, or REEL_NATS its broker`,
    );
  return { servers, credentials: process.env['REEL_CREDENTIALS'] ?? installationIn(dir).credentials };
}

/** Reads the log of the installation in `dir`, and closes it again. */
export async function withLog<T>(dir: string, read: (log: FullLog, shards: number, lost: Lost) => Promise<T>): Promise<T> {
  const connection = await connect(await brokerIn(dir), OPERATOR);
  try {
    const roles = await rolesIn(installationIn(dir));
    const inspection = await inspect(connection, streamsOf(roles, SHARDS), OPERATOR);
    return await read(await openFullLog(connection), SHARDS, (how) => lostFrom(dir, { roles, inspection, how }));
  } finally {
    await connection.close();
  }
}

/** What is lost of the log, and what of that was accepted. `deep`: everything is read. */
export type Lost = (how: 'deep' | 'cheap') => Promise<{ readonly lost: readonly Damage[]; readonly accepted: readonly AcceptedLoss[] }>;

async function lostFrom(
  dir: string,
  { roles, inspection, how }: { roles: readonly Role[]; inspection: Inspection; how: 'deep' | 'cheap' },
): ReturnType<Lost> {
  const durables = durablesOf({ roles, shards: SHARDS });
  // What is noted in the folder is of its own broker, and of no other.
  const elsewhere = process.env['REEL_NATS'] !== undefined;
  const { accepted, ...known } = elsewhere ? { marks: {}, claims: [], accepted: [], durables } : await knownIn(dir, durables);
  const found = [...(await inspection.lost(known)), ...(how === 'deep' ? await inspection.unreadable() : [])];
  return { lost: notAccepted(found, accepted), accepted };
}

/** Who may say what in the installation in `dir`. */
export const castIn = async (dir: string): Promise<Publishers> => publishersOf(await ownServices(), await rolesIn(installationIn(dir)));

/** A date, and perhaps a time of it and a zone. `Date.parse` takes much else for one: "7" for the year 2001. */
const DATE = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/** A moment, ms since the epoch: a date (ISO 8601), or so long ago (`90s`, `15m`, `12h`, `7d`). @throws Refused */
export function moment(text: string, option: string, nowMs = Date.now()): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const [, day] = DATE.exec(text) ?? [];
  const ms =
    count === undefined
      ? Date.parse(z.iso.date().safeParse(day).success ? text : '')
      : nowMs - Number(count) * { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 's'];
  if (Number.isNaN(ms))
    throw new Refused(
      `${option} is "${text}", and has to be a date (2026-11-21, 2026-11-21T10:00:00Z) or so long ago, with its unit (90s, 15m, 12h, 7d)`,
    );
  // Nothing was stored before, and what is longer ago is more than a date can tell.
  return Math.max(ms, 0);
}

/** The time between two moments, ms since the epoch; all time, where neither is named. @throws Refused when nothing can lie in it. */
export function windowOf({ since, until }: { readonly since?: string; readonly until?: string }, nowMs = Date.now()): Window {
  const sinceMs = since === undefined ? 0 : moment(since, '--since', nowMs);
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : moment(until, '--until', nowMs);
  if (sinceMs > nowMs) throw new Refused(`--since is "${since}", and has to lie in the past`);
  if (since !== undefined && sinceMs >= untilMs)
    throw new Refused(`--since is "${since}", and has to come before --until, which is "${until}"`);
  return { sinceMs, untilMs };
}
