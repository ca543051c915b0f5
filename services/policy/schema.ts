/** What policies may look at: question.cedarschema, and the custom kinds of steps that are declared beside the policies. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SchemaJson, schemaToJson, schemaToJsonWithResolvedTypes } from '@cedar-policy/cedar-wasm/nodejs';
import { type Look, noLook } from './look.ts';
import { describe, PolicyError, type PolicyFile, placeIn } from './source.ts';

/** What is known of a value: its members, unless it may have any, and what a text may be, unless it may be anything. */
export type Known = {
  readonly members?: { readonly [name: string]: Known };
  readonly values?: readonly string[];
  readonly isLong?: true;
};

/** May have any members and any value. */
export const FREE: Known = {};

type Attribute = {
  readonly type: string;
  readonly name?: string;
  readonly attributes?: { readonly [name: string]: Attribute };
  readonly annotations?: { readonly values?: string; readonly free?: string };
  readonly required?: boolean;
};
type Entity = { readonly shape?: Attribute };
type ActionType = { readonly appliesTo: { readonly resourceTypes: readonly string[]; readonly context: Attribute } };
type Namespace = {
  readonly commonTypes: { readonly [name: string]: Attribute };
  readonly entityTypes: { readonly [name: string]: Entity };
  readonly actions: { readonly [name: string]: ActionType };
};

export type Schema = {
  readonly actions: { readonly [action: string]: { readonly context: Known; readonly resources: readonly string[] } };
  readonly entities: { readonly [type: string]: Known };
  /** The names of what is free. */
  readonly free: readonly string[];
  /** The same for Cedar; of what is free it is told those members that are looked at, as texts. */
  readonly toCedar: (looked: Look) => SchemaJson<string>;
};

/** A custom kind of step has the attributes of kind person. */
export const LIKE = 'Person';
const PERFORMED = ['step', 'undo'];

/** @param kinds the `*.cedarschema` files beside the policies. @throws PolicyError for one that declares anything but kinds of steps. */
export function readSchema(kinds: readonly PolicyFile[] = []): Schema {
  const read = schemaToJsonWithResolvedTypes(readFileSync(join(import.meta.dirname, 'question.cedarschema'), 'utf8'));
  if (read.type === 'failure') throw new Error(`question.cedarschema: ${read.errors.map(({ message }) => message).join('; ')}`);
  const json = withKinds(read.json[''] as unknown as Namespace, kinds.flatMap(kindsIn));
  const steps = (json.actions['step'] as ActionType).appliesTo.resourceTypes.map(kindOf);
  const known = (attribute: Attribute): Known => knownOf(attribute, json, steps);
  return {
    actions: mapped(json.actions, ({ appliesTo }) => ({ context: known(appliesTo.context), resources: appliesTo.resourceTypes })),
    entities: mapped(json.entityTypes, ({ shape }) => (shape === undefined ? { members: {} } : known(shape))),
    free: [...new Set(Object.values(json.actions).flatMap(freeIn))],
    toCedar: (looked) => ({ '': { ...json, actions: mapped(json.actions, (action) => lookingAt(action, looked)) } }) as never,
  };
}

const freeIn = ({ appliesTo }: ActionType): string[] =>
  Object.entries(appliesTo.context.attributes ?? {}).flatMap(([name, { annotations }]) => (annotations?.free === undefined ? [] : name));

const mapped = <From, To>(record: { readonly [name: string]: From }, to: (one: From) => To): { [name: string]: To } =>
  Object.fromEntries(Object.entries(record).map(([name, one]) => [name, to(one)]));

function withKinds(json: Namespace, kinds: readonly string[]): Namespace {
  const like = json.entityTypes[LIKE] as Entity;
  const performed = ([name, action]: [string, ActionType]): [string, ActionType] => {
    const { appliesTo } = action;
    const resourceTypes = [...new Set([...appliesTo.resourceTypes, ...kinds])];
    return [name, PERFORMED.includes(name) ? { ...action, appliesTo: { ...appliesTo, resourceTypes } } : action];
  };
  return {
    ...json,
    entityTypes: { ...Object.fromEntries(kinds.map((kind) => [kind, like])), ...json.entityTypes },
    actions: Object.fromEntries(Object.entries(json.actions).map(performed)),
  };
}

/** The entities that a file declares, each a kind of step. */
function kindsIn(file: PolicyFile): string[] {
  const read = schemaToJson(file.text);
  if (read.type === 'failure') throw new PolicyError(read.errors.map((error) => describe(file, error)).join('\n'));
  return Object.entries(read.json).flatMap(([namespace, { entityTypes, actions, commonTypes = {} }]) => {
    const strange = [...Object.keys(actions), ...Object.keys(commonTypes), ...(namespace === '' ? [] : [namespace])];
    for (const [name, entity] of Object.entries(entityTypes)) {
      if (Object.keys(entity).length > 0 || !/^[A-Z][A-Za-z0-9]*$/.test(name)) strange.push(name);
    }
    for (const name of strange) {
      const where = placeIn(file, Math.max(0, file.text.indexOf(name)));
      throw new PolicyError(`${where}: "${name}" is no kind of step: declare each kind of your own, and nothing else, as \`entity Sms;\``);
    }
    return Object.keys(entityTypes);
  });
}

/** `deep-thought` for DeepThought. */
const kindOf = (type: string): string => type.replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase();

function knownOf(attribute: Attribute, json: Namespace, kinds: readonly string[]): Known {
  const { type, name = '', attributes, annotations = {} } = attribute;
  if (annotations.free !== undefined) return FREE;
  const common = json.commonTypes[type];
  if (common !== undefined) return knownOf(common, json, kinds);
  const shape = type === 'Entity' ? json.entityTypes[name]?.shape?.attributes : attributes;
  const values = annotations.values
    ?.split(' ')
    .flatMap((value) => (value.includes('<kind>') ? kinds.map((kind) => value.replace('<kind>', kind)) : value));
  return {
    members: mapped(shape ?? {}, (member) => knownOf(member, json, kinds)),
    ...(values === undefined ? {} : { values }),
    ...(type === 'Long' ? { isLong: true } : {}),
  };
}

function lookingAt(action: ActionType, looked: Look): ActionType {
  const { appliesTo } = action;
  const attributes = Object.entries(appliesTo.context.attributes ?? {}).map(([name, attribute]) => {
    const free = attribute.annotations?.free !== undefined;
    return [name, free ? { ...attribute, attributes: attributesOf(looked.members.get(name) ?? noLook()) } : attribute];
  });
  return { ...action, appliesTo: { ...appliesTo, context: { ...appliesTo.context, attributes: Object.fromEntries(attributes) } } };
}

const attributesOf = ({ members }: Look): { [name: string]: Attribute } =>
  Object.fromEntries(
    [...members].map(([name, look]) => {
      const type = look.members.size > 0 ? { type: 'Record', attributes: attributesOf(look) } : { type: 'String' };
      return [name, { ...type, required: false }];
    }),
  );
