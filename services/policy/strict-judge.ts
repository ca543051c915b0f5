/** For tests and the simulator: a judge that is asked nothing but what question.cedarschema describes. */
import assert from 'node:assert/strict';
import { preparsePolicySet, preparseSchema, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { type Judge, type Question, requestOf } from './cedar.ts';
import { type Look, noLook } from './look.ts';
import { LIKE, readSchema } from './schema.ts';

const whole: Look = { ...noLook(), whole: true };
const NAME = 'question.cedarschema';

/**
 * The same judge. Questions that differ in nothing but texts and numbers are held up to the schema once.
 * @param heard is told each question, in Cedar's terms
 */
export function fitting(judge: Judge, heard: (asked: ReturnType<typeof requestOf>) => void = () => {}): Judge {
  const { free, entities, toCedar } = readSchema();
  preparseSchema(NAME, toCedar(noLook()));
  preparsePolicySet(NAME, { staticPolicies: 'permit (principal, action, resource);' });
  const fit = new Set<string>();
  /** What is free has no shape that it could have to fit, and a custom kind of step is like any other. */
  const shaped = ({ context, resource, ...question }: Question): Question => {
    const members = Object.entries(context).map(([name, value]) => [name, free.includes(name) && value != null ? {} : value]);
    const type = Object.hasOwn(entities, resource.type) ? resource.type : LIKE;
    return { ...question, context: Object.fromEntries(members), resource: { ...resource, type } };
  };
  return {
    ...judge,
    ask(question) {
      const asked = requestOf(shaped(question), [], { context: whole, resource: whole }, free);
      heard(asked);
      const texts = (name: string, value: unknown): unknown => (typeof value !== 'object' && name !== 'type' ? typeof value : value);
      const shape = `${question.action} ${JSON.stringify(asked, texts)}`;
      if (!fit.has(shape)) {
        const answer = statefulIsAuthorized({ ...asked, preparsedPolicySetId: NAME, preparsedSchemaName: NAME, validateRequest: true });
        assert.deepEqual(answer.type === 'failure' ? answer.errors.map(({ message }) => message) : [], [], JSON.stringify(asked));
        fit.add(shape);
      }
      return judge.ask(question);
    },
  };
}
