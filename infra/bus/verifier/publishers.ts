/** Who may say what, as the rules need it: by the types that a service declares, or by the slots of one admitted from elsewhere. */
import { aboutOf, undoKind } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { publishedFacts } from '../runtime/perform.ts';
import { type Role, roleOf } from '../runtime/role.ts';
import type { AnyService } from '../service.ts';

type Part = { readonly kind?: string | undefined; readonly types?: ReadonlySet<string>; readonly slots: ReadonlySet<string> };

/** The services that are known, by name. */
export type Publishers = ReadonlyMap<string, Part>;

const partOf = ({ kind, publishes }: Role): Part => ({ kind, slots: new Set(publishes.map(({ about, slot }) => `${about}.${slot}`)) });

/** The cast of these services, and of those that are known by their roles alone. */
export function publishersOf(services: readonly AnyService[], admitted: readonly Role[] = []): Publishers {
  const own = services.map((service): [string, Part] => {
    const says = service.shape === 'performer' ? publishedFacts : service.publishes;
    return [service.name, { ...partOf(roleOf(service)), types: new Set(says.map(({ type }) => type)) }];
  });
  const others = admitted.map((role): [string, Part] => [role.name, partOf(role)]);
  return new Map([...others, ...own]);
}

/** What a performer of any kind may say. */
const performed = new Set<string>(publishedFacts.map(({ type }) => type));

/** Why this fact is not its teller's to say, or undefined when it is. */
export function notTheirs(cast: Publishers, { source, type, at }: Event): string | undefined {
  if (type === faultRaised.type) return at.id === source ? undefined : `${source} tells of a fault of ${at.id}`;
  const part = cast.get(source);
  const about = aboutOf(at.kind);
  if (part === undefined) {
    // A performer of another installation, or one that is gone: its kind is performed by no service here.
    const taken = [...cast.values()].some(({ kind }) => kind !== undefined && [kind, undoKind(kind)].includes(at.kind));
    return performed.has(type) && !taken ? undefined : `no service called ${source} may publish ${type} of a ${at.kind}`;
  }
  const foreign = part.kind !== undefined && ![part.kind, undoKind(part.kind)].includes(at.kind);
  if (foreign) return `${source} performs steps of kind ${part.kind}, and this is about a ${at.kind}`;
  // A fact that is not in the catalogue comes from a later version, or is somebody's own: its slot tells.
  const may = (definitionOf(type) === undefined ? undefined : part.types?.has(type)) ?? part.slots.has(`${about}.${at.slot}`);
  return may ? undefined : `${source} does not say ${type}`;
}
