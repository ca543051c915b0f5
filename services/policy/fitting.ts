/** For tests: a judge that is asked nothing but what question.cedarschema describes. */
import assert from 'node:assert/strict';
import { preparsePolicySet, preparseSchema, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { type Judge, type Question, requestOf } from './cedar.ts';
import { namesOf } from './detect/findings.ts';
import { type Look, noLook } from './look.ts';
import { readSchema } from './schema.ts';

const everything: Look = { ...noLook(), whole: true };

/**
 * The same judge. What is free in a question has no shape that it could have to fit.
 * @param kinds the names of the entities of kinds of somebody's own
 * @param heard is told each question, in Cedar's terms
 */
export function fitting(
  judge: Judge,
  kinds: readonly string[] = [],
  heard: (asked: ReturnType<typeof requestOf>) => void = () => {},
): Judge {
  const files = [{ path: 'kinds.cedarschema', name: 'kinds.cedarschema', text: kinds.map((kind) => `entity ${kind};`).join('\n') }];
  const { free, toCedar } = readSchema(files);
  const name = `question.cedarschema, and ${kinds.join(', ') || 'no other kinds'}`;
  preparseSchema(name, toCedar(noLook()));
  preparsePolicySet(name, { staticPolicies: 'permit (principal, action, resource);' });
  return {
    ...judge,
    ask(question: Question) {
      const shaped = Object.entries(question.context).map(([name, value]) => [name, free.includes(name) && value != null ? {} : value]);
      const asked = requestOf({ ...question, context: Object.fromEntries(shaped) }, namesOf(question.findings()), {
        context: everything,
        resource: everything,
      });
      heard(asked);
      const answer = statefulIsAuthorized({ ...asked, preparsedPolicySetId: name, preparsedSchemaName: name, validateRequest: true });
      assert.deepEqual(answer.type === 'failure' ? answer.errors.map(({ message }) => message) : [], [], JSON.stringify(asked));
      return judge.ask(question);
    },
  };
}
