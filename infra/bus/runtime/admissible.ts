/** Whether a service beyond Reel's own may be admitted: by its name, its kind, and what it would be let say. Pure. */
import { type About, isStepKind } from '@reel/contracts/address.ts';
import { z } from 'zod';
import { publishedFacts } from './perform.ts';
import type { Role } from './role.ts';
import { OPERATOR, PROVISIONER } from './role.ts';

/** One word for a durable, a NATS user, a file, a Secret of Kubernetes and a token of an address: what all of them can be. */
const NAME = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
/** Names with another meaning, in Reel, at its broker, or to a reader. */
const TAKEN: ReadonlySet<string> = new Set([OPERATOR, PROVISIONER, 'admin', 'broker', 'cast', 'nats', 'reel', 'root', 'sys', 'system']);

const ABOUT = ['run', 'plan', 'answer', 'vote', 'fault', 'claim', 'step', 'undo'] as const satisfies readonly About[];
const Slots = z.array(z.strictObject({ about: z.enum(ABOUT), slot: z.string().regex(TOKEN) })).max(100);
const Shape = z.strictObject({
  name: z.string(),
  shape: z.enum(['service', 'performer', 'edge']),
  kind: z.string().optional(),
  publishes: Slots,
  subscribes: Slots,
  clock: z.boolean(),
  registry: z.boolean(),
  concurrency: z.int().min(1).max(10_000),
});

/** A role beyond Reel's own, as an installation remembers it: with the slots of people that it was expressly let fill, as `vote.request`. */
export type Admitted = Role & { readonly granted: readonly string[] };
const AdmittedShape = Shape.extend({ granted: z.array(z.string()).default([]) });

const slotsOf = (slots: Role['publishes']): string[] => slots.map(({ about, slot }) => `${about}.${slot}`);

/**
 * Why a role is not to be admitted, each in words; `[]` when it may be. What Reel's own services decide is theirs alone. What people say
 * through the gateway can be granted.
 * @param role as it was derived from a module, or remembered: it may be anything.
 * @param own the roles of Reel's own services. @param others those that were admitted before.
 */
export function faultsOf(role: unknown, own: readonly Role[], others: readonly Role[]): string[] {
  const parsed = AdmittedShape.safeParse(role);
  if (!parsed.success)
    return parsed.error.issues.map(({ path, message }) => `it has no role that can be read: ${path.join('.') || 'the whole'}: ${message}`);
  const { name, shape, kind, publishes, registry, granted } = parsed.data;
  const faults = nameFaults(name, own);
  const known = others.find((other) => other.name === name);
  if (known !== undefined && (known.shape !== shape || known.kind !== kind))
    faults.push(`the name "${name}" belongs to another, which ${doing(known)}: take a name of its own`);
  if ((shape === 'performer') !== (kind !== undefined)) faults.push('a performer, and nothing else, has a kind');
  if (kind !== undefined) faults.push(...kindFaults(kind, name, [...own, ...others]));
  if (registry) faults.push('it asks for the registry: only the tool-executor keeps it');
  const ours = new Set(own.filter((role) => role.shape !== 'edge').flatMap((role) => slotsOf(role.publishes)));
  const people = new Set(own.filter((role) => role.shape === 'edge').flatMap((role) => slotsOf(role.publishes)));
  const performed = new Set(slotsOf(publishedFacts));
  for (const slot of slotsOf(publishes)) {
    if (shape === 'performer') {
      if (!performed.has(slot)) faults.push(`it says ${slot}, which no performer does`);
    } else if (ours.has(slot) || slot.startsWith('fault.'))
      faults.push(`it says ${slot}, which is for ${tellers(slot, own)} alone to decide: nothing else may fill that slot`);
    else if (people.has(slot) && !granted.includes(slot))
      faults.push(`it says ${slot}, which people say through the gateway: if it is to speak as they do, --may-say ${slot}`);
  }
  return faults;
}

function nameFaults(name: string, own: readonly Role[]): string[] {
  if (!NAME.test(name))
    return [`its name is ${JSON.stringify(name)} and has to be 1 to 63 of a-z 0-9 -, from a letter on, without a dash at the end`];
  if (own.some((role) => role.name === name)) return [`its name is "${name}", which is one of Reel's own services`];
  return TAKEN.has(name) ? [`its name is "${name}", which is reserved`] : [];
}

function kindFaults(kind: string, name: string, roles: readonly Role[]): string[] {
  if (!isStepKind(kind)) return [`its kind is ${JSON.stringify(kind)}, which is reserved, or not 1 to 32 of a-z 0-9 - from a letter on`];
  const performer = roles.find((role) => role.kind === kind && role.name !== name);
  return performer === undefined ? [] : [`its kind is "${kind}", which ${performer.name} performs`];
}

const doing = ({ shape, kind }: Role): string => (kind === undefined ? `is a ${shape}` : `performs steps of kind ${kind}`);
const tellers = (slot: string, own: readonly Role[]): string =>
  own.flatMap(({ name, publishes }) => (slotsOf(publishes).includes(slot) ? [name] : [])).join(', ') || 'the bus';

/** What an admitted service may do, in words. */
export function mayDo({ kind, publishes, subscribes }: Role): string {
  const heard = slotsOf(subscribes).join(', ') || 'nothing';
  if (kind !== undefined) return `performs steps of kind ${kind}, and may say what becomes of those: ${slotsOf(publishes).join(', ')}`;
  return `hears ${heard}, and may say ${slotsOf(publishes).join(', ') || 'nothing but its own faults'}`;
}
