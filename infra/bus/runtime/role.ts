/** What a service is to the broker: derived from what it declares, as plain data, so that a service elsewhere can be admitted by it. */
import type { About } from '@reel/contracts/address.ts';
import { undoKind } from '@reel/contracts/address.ts';
import type { FactDefinition } from '@reel/contracts/envelope.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import type { AnyService } from '../service.ts';
import { publishedFacts, subscribedFacts } from './perform.ts';

type Slot = { readonly about: About; readonly slot: string };

export type Role = {
  readonly name: string;
  readonly shape: AnyService['shape'];
  /** The kind of step that it performs. */
  readonly kind?: string;
  readonly publishes: readonly Slot[];
  readonly subscribes: readonly Slot[];
  /** Whether it may set the clock, and hears it ring. */
  readonly clock: boolean;
  /** Whether it keeps the registry of tools. */
  readonly registry: boolean;
  /** How many deliveries it works on at a time. */
  readonly concurrency: number;
};

/** The role of a service. */
export function roleOf(service: AnyService): Role {
  const { name, shape } = service;
  if (shape === 'performer') {
    const { kind, registry, concurrency } = service;
    return { name, shape, kind, publishes: slots(publishedFacts), subscribes: slots(subscribedFacts), clock: false, registry, concurrency };
  }
  const hears = shape === 'edge' ? [] : Object.keys(service.on).filter((type) => type !== 'timer.fired');
  const clock = shape === 'service' && 'timer.fired' in service.on;
  return {
    name,
    shape,
    publishes: slots(service.publishes),
    subscribes: slots(hears.map((type) => definition(name, type))),
    clock,
    registry: false,
    concurrency: 256,
  };
}

function definition(name: string, type: string): FactDefinition {
  const found = definitionOf(type);
  if (found === undefined) throw new Error(`${name} hears "${type}", which is not a fact: see contracts/story.ts for those that are`);
  return found;
}

function slots(definitions: readonly { about: About; slot: string }[]): Slot[] {
  const seen = new Map(definitions.map(({ about, slot }) => [`${about}.${slot}`, { about, slot }]));
  return [...seen.values()];
}

/** The kinds of step that somebody performs. */
export const kindsOf = (roles: readonly Role[]): string[] => [...new Set(roles.flatMap(({ kind }) => kind ?? []))];

/** The subjects in which a service says its facts: step facts are spelt out by kind, since no wildcard stands for part of a token. */
export function publishSubjects(role: Role, kinds: readonly string[]): string[] {
  const mine = role.kind === undefined ? kinds : [role.kind];
  const of = ({ about, slot }: Slot): string[] => {
    const over = about === 'step' ? mine : about === 'undo' ? mine.map(undoKind) : [about];
    return over.map((kind) => `reel.*.*.${kind}.*.*.${slot}`);
  };
  return [...role.publishes.flatMap(of), `reel.*.*.fault.${role.name}.*.fault`];
}

/** The subjects that a service's durable delivers, for one shard. They do not overlap: the broker would refuse that. */
export function subscribeSubjects(role: Role, shard: number): string[] {
  if (role.kind !== undefined) {
    const kinds = [role.kind, undoKind(role.kind)];
    return role.subscribes
      .filter(({ about }) => about === 'step')
      .flatMap(({ slot }) => kinds.map((kind) => `reel.${shard}.*.${kind}.*.*.${slot}`));
  }
  const anyKind = new Set(role.subscribes.filter(({ about }) => about === 'step' || about === 'undo').map(({ slot }) => slot));
  const one = role.subscribes.filter(({ slot }) => !anyKind.has(slot)).map(({ about, slot }) => `reel.${shard}.*.${about}.*.*.${slot}`);
  return [...[...anyKind].map((slot) => `reel.${shard}.*.*.*.*.${slot}`), ...one];
}

/** The operator of an installation: reads every run and publishes nothing. */
export const OPERATOR = 'operator';

/** Who makes streams and durables. */
export const PROVISIONER = 'provisioner';
