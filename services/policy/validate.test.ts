/** A policy that misspells what it looks at is refused before it judges anything. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeBy } from './cedar.ts';
import { parsePolicies, readFolder } from './policies.ts';
import { defaultPolicies } from './policy.ts';
import type { PolicyFile } from './source.ts';

const root = join(import.meta.dirname, '../..');
const file = (text: string): PolicyFile => ({ path: 'p/a.cedar', name: 'a.cedar', text });
const kinds: PolicyFile = { path: 'p/kinds.cedarschema', name: 'kinds.cedarschema', text: 'entity DeepThought;' };
const step = (condition: string): string => `forbid (principal, action == Action::"step", resource) when {\n  ${condition} };`;

/** What is said of policies that are refused; nothing when they are taken. */
function refusal(text: string): string {
  try {
    judgeBy([file(text), kinds]);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test('what is named and is not there is refused, with its place, what is there, and what was probably meant', () => {
  const wrong: [string, RegExp][] = [
    [step('context has argments && context.arguments has x'), /^p\/a\.cedar:2:15: context never has "argments": it has arguments, /],
    [step('context has argments && true'), /; did you mean "arguments"\?$/],
    [step('true || (context.run has workflwo && true)'), /^p\/a\.cedar:2:28: context\.run never has "workflwo".*did you mean "workflow"/],
    [step('resource["efect"] == "once"'), /^p\/a\.cedar:2:12: resource never has "efect"/],
    [step('context has run.wrkflow'), /:2:19: context\.run never has "wrkflow"/],
    [step('(if context has input then context else context) has steps'), /:2:56: it never has "steps".*did you mean "step"/],
    [step('context has decision'), /:2:15: context never has "decision": it has arguments, /],
    [step('principal has name'), /:2:17: principal never has "name": it has nothing$/],
    [step('resource is Tool && resource has server && resource has severs'), /:2:59: resource never has "severs"/],
    [step('resource.kind == "modle"'), /:2:20: it is never "modle", but one of tool, person, model, deep-thought; did you mean "model"/],
    [step('"read_only" == resource.effect'), /:2:3: it is never "read_only".*did you mean "read-only"/],
    [step('["once", "indempotent"].contains(context.step.effect)'), /:2:12: it is never "indempotent"/],
    [step('context.findings.contains("card-numbers")'), /:2:29: .*did you mean "card-number"/],
    [step('context.findings.containsAny(["secret", "secrets"])'), /:2:43: it is never "secrets"/],
    [step('resource.kind == (if context has input then "tol" else "tool")'), /:2:47: it is never "tol"/],
    [step('true || resource.hasTag("team")'), /:2:27: it never has the tag "team"/],
    [step('resource.kind like "modle*"'), /:2:22: it is never like "modle\*"/],
    ['forbid (principal, action == Action::"stpe", resource);', /:1:30: unrecognized action.*did you mean `Action::"step"`/],
    [step('action == Action::"vtoe"'), /:2:13: unrecognized action/],
    ['forbid (principal, action, resource == Tol::"pay");', /:1:40: unrecognized entity type `Tol`; did you mean "Tool"/],
    [
      'forbid (principal, action, resource is Robot);',
      /:1:40: unrecognized entity type `Robot`; a kind of step of your own is declared in a/,
    ],
    ['forbid (principal == Usr::"ann", action, resource);', /unrecognized entity type `Usr`; did you mean "User"/],
    ['forbid (principal, action == Action::"vote", resource == Question::"persn/choose");', /never a Question::"persn\/choose".*"person"/],
    ['forbid (principal, action == Action::"step", resource == Workflow::"trip");', /:1:1: it can never apply: /],
    [step('context has run && !(context has run)'), /:1:1: it can never apply: /],
    [step('context.step.attempt == "3"'), /:2:3: the types Long and String are not compatible/],
    [step('resource.server == "x"'), /:2:3: attribute `server` on entity type|:2:3: unable to guarantee safety/],
    ['@hodl("?")\npermit (principal, action, resource);', /^p\/a\.cedar:1:1: @hodl means nothing: expected one of @id, @hold.*"hold"/],
    ['permit (principal, action, resource);\n@id("x") @raeson("y") forbid (principal, action, resource);', /:2:10: @raeson means nothing/],
    ['@id permit (principal, action, resource);', /:1:1: @id is empty/],
    ['@hold(" ") permit (principal, action, resource);', /:1:1: @hold is empty/],
    ['@reason("") forbid (principal, action, resource);', /:1:1: @reason is empty/],
  ];
  for (const [text, message] of wrong) assert.match(refusal(text), message, text);
});

test('everything that is wrong is told at once, each at its own place', () => {
  const text = `${step('context has argments')}\n// argments\n${step('context.step.kind == "tool" && context.run.kind == "x"')}`;
  assert.deepEqual(
    refusal(text)
      .split('\n')
      .map((line) => line.split(' ', 1)[0]),
    ['p/a.cedar:2:15:', 'p/a.cedar:5:46:'],
  );
});

test('what is there is taken, wherever and however it is looked at', () => {
  for (const condition of [
    'context.arguments has cents && context.arguments.cents > 5',
    'context.arguments.deep.list.contains({a: [1]}) || context.input == "a"',
    'context.arguments == {a: 1} && context.arguments.who == User::"ann"',
    'decimal(context.arguments.n).lessThan(decimal("1.5"))',
    'resource has server && resource.server like "tr*"',
    'resource.kind == "deep-thought" || resource == DeepThought::"answer"',
    'context.run.requestedBy == principal && context["step"]["attempt"] > 1',
    'context.findings.containsAll(["secret", "card-number"]) || !context.findings.isEmpty()',
  ]) {
    assert.equal(refusal(step(condition)), '', condition);
  }
  assert.equal(refusal('forbid (principal, action, resource) when { context has arguments && context.arguments has x };'), '');
  assert.equal(refusal('forbid (principal, action, resource) when { resource has effect && resource.effect == "once" };'), '');
});

const cedarIn = (text: string): string[] => [...text.matchAll(/```cedar\n(.*?)```/gs)].map(([, code]) => code as string);
/** The examples in the comments of the default policies. */
const examplesIn = (text: string): string =>
  [...text.matchAll(/^\/\/ {3}(@.*|permit.*|forbid.*|when.*)$/gm)].map(([, line]) => line).join('\n');

const policiesIn = (text: string): string[] => [...parsePolicies([file(text)]).values()].map((policy) => policy.text);

const written = (): string[] => [
  ...[defaultPolicies, join(root, 'scripts/demo/policies')].flatMap((folder) => readFolder(folder).map(({ text }) => text)),
  ...cedarIn(readFileSync(join(root, 'services/policy/README.md'), 'utf8')),
  examplesIn(readFileSync(join(defaultPolicies, 'default.cedar'), 'utf8')),
];

/** A word with a letter left out, one said twice, two in the wrong order, and another one. */
function misspelt(word: string): string[] {
  const k = Math.floor(word.length / 2);
  const [before, letter, after] = [word.slice(0, k), word[k] as string, word.slice(k + 1)];
  const swapped = `${before}${after[0] ?? ''}${letter}${after.slice(1)}`;
  return [before + after, before + letter + letter + after, swapped, `${before}q${after}`].filter((one) => one !== word);
}

/** What only those know who name their own: texts for people, the ids of what is there once Reel runs, and the members of what is free. */
const NOT_OURS =
  /@(id|reason|hold)\("$|\b(Tool|User|Workflow|Person)::"$|Question::"\w+\/$|\.(uses|workflow) == "$|\.(arguments|input)( has |\.)$/;

/** Cedar's own words, which Cedar holds up to its grammar: each is tried once. */
const GRAMMAR = /^(permit|forbid|when|unless|principal|action|resource|in|has|contains|Action)$/;

test('a slip in any name that Reel knows keeps every policy that is written here from being read', () => {
  let tried = 0;
  const grammar = new Set<string>();
  for (const text of new Set(written().flatMap(policiesIn))) {
    assert.equal(refusal(text), '');
    for (const { 0: word, index } of text.matchAll(/\/\/[^\n]*|[A-Za-z][\w-]*/g)) {
      if (word.startsWith('//') || NOT_OURS.test(text.slice(0, index)) || inText(text, index) || grammar.has(word)) continue;
      if (GRAMMAR.test(word)) grammar.add(word);
      for (const slip of misspelt(word)) {
        const wrong = `${text.slice(0, index)}${slip}${text.slice(index + word.length)}`;
        assert.notEqual(refusal(wrong), '', `${word} as ${slip} in: ${text.slice(Math.max(0, index - 60), index + 60)}`);
        tried += 1;
      }
    }
  }
  assert.ok(tried > 300, `${tried}`);
});

/** Whether it stands within a text for people. */
function inText(text: string, index: number): boolean {
  const line = text.slice(text.lastIndexOf('\n', index) + 1, index);
  return /@(id|reason|hold)\("[^"]*$/.test(line);
}

test('a file whose name is a slip is refused: what it forbids would not be read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'policies-'));
  const write = (name: string): void => writeFileSync(join(folder, name), '');
  for (const name of ['a.cedar', 'README.md', 'old.cedar.bak', '.hidden.ceder']) write(name);
  assert.deepEqual(
    readFolder(folder).map(({ name }) => name),
    ['a.cedar'],
  );
  for (const name of ['b.ceder', 'b.CEDAR', 'b.cedr', 'b.cedarshema']) {
    write(name);
    assert.throws(() => readFolder(folder), { message: new RegExp(`${name}: it would not be read: let its name end in \\.cedar`) });
    rmSync(join(folder, name));
  }
  rmSync(folder, { recursive: true });
});
