/** Holds policies up to what they may look at, before anything is judged: a name that nothing has would never forbid. */
import { type DetailedError, validate } from '@cedar-policy/cedar-wasm/nodejs';
import { didYouMean } from '@reel/contracts/workflow/nearest.ts';
import { looksOf } from './look.ts';
import { type Misnamed, misnamedIn } from './names.ts';
import type { Policy } from './policies.ts';
import type { Schema } from './schema.ts';
import { indexIn, indexOf, inWords, PolicyError, tokensOf } from './source.ts';

/** What each annotation is for. */
const ANNOTATIONS = ['id', 'hold', 'reason'];

/** Something wrong at a place in the text of a policy. */
type Fault = { readonly index: number; readonly message: string };

/** @throws PolicyError that tells everything that is wrong with the policies, each with its file, line and column. */
export function assertValid(policies: Iterable<Policy>, schema: Schema): void {
  const wrong = [...policies].flatMap((policy) => {
    // One for each place: Cedar tells the same of every action that it holds of.
    const faults = new Map(faultsIn(policy, schema).map(({ index, message }) => [index, message]));
    return [...faults].map(([index, message]) => `${policy.at(index)}: ${message}`);
  });
  if (wrong.length > 0) throw new PolicyError(wrong.join('\n'));
}

function faultsIn(policy: Policy, schema: Schema): Fault[] {
  const misnamed = misnamedIn(policy.json, policy.actions ?? Object.keys(schema.actions), schema);
  const named = misnamed.map((one) => ({ index: indexIn(policy.text, [...one.path, one.name]), message: one.message }));
  return [...annotationFaults(policy), ...named, ...cedarFaults(policy, schema, misnamed)].sort((a, b) => a.index - b.index);
}

function annotationFaults({ text, json }: Policy): Fault[] {
  return Object.entries(json.annotations ?? {}).flatMap(([name, value]) => {
    const index = Math.max(0, text.search(new RegExp(`@\\s*${name}\\b`)));
    if (!ANNOTATIONS.includes(name)) {
      const known = ANNOTATIONS.map((one) => `@${one}`).join(', ');
      return [{ index, message: `@${name} means nothing: expected one of ${known}, or a comment${didYouMean(name, ANNOTATIONS)}` }];
    }
    // An annotation without a value comes as null, despite the typings. A @hold without one has a question of its own.
    const isEmpty = value === null ? name !== 'hold' : value.trim() === '';
    return isEmpty ? [{ index, message: `@${name} is empty: expected a text, as in @${name}("…")` }] : [];
  });
}

/** What Cedar's own validator finds beyond that, but for what it cannot know: what has no shape of its own. */
function cedarFaults({ id, text, json }: Policy, schema: Schema, misnamed: readonly Misnamed[]): Fault[] {
  const answer = validate({ schema: schema.toCedar(looksOf([json]).context), policies: { staticPolicies: { [id]: text } } });
  if (answer.type === 'failure') return answer.errors.map((error) => ({ index: 0, message: inWords(error) }));
  const place = ({ sourceLocations }: DetailedError): { index: number; end: number } => {
    const [at] = sourceLocations ?? [];
    return at === undefined ? { index: 0, end: text.length } : { index: indexOf(text, at.start), end: indexOf(text, at.end) };
  };
  const open = [...schema.free, ...misnamed.map(({ name }) => name)];
  const errors = answer.validationErrors
    .map(({ error }) => ({ ...place(error), message: cedarsWords(error, schema) }))
    .filter(({ index, end }) => !tokensOf(text.slice(index, end)).some((token) => open.includes(token.text)));
  // What can never apply forbids and permits nothing: where nothing else is wrong, this is.
  const [never] = errors.length + misnamed.length > 0 ? [] : answer.validationWarnings;
  return never === undefined ? errors : [{ index: 0, message: `it can never apply: ${cedarsWords(never.error, schema)}` }];
}

function cedarsWords(error: DetailedError, { entities }: Schema): string {
  const words = inWords(error).replace(/for policy `.*?`, /s, '');
  const [told, type] = /^unrecognized entity type `(\w+)`/.exec(words) ?? [];
  if (told === undefined || type === undefined) return words;
  const declared = `a kind of step of your own is declared in a *.cedarschema file beside the policies: entity ${type};`;
  return `${told}${didYouMean(type, Object.keys(entities)) || `; ${declared}`}`;
}
