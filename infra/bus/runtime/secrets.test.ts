/** What is taken for a secret, in which forms it is found, and what ordinary text keeps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sayable } from '../process/process-log.ts';
import {
  cleaned,
  excerpt,
  filled,
  keepFromAddress,
  keepIfSecret,
  placeOf,
  tellWeakSecrets,
  veil,
  withoutSecrets,
  withoutSecretsInJson,
} from './secrets.ts';

const fail = (what: string): never => {
  throw new Error(what);
};
const fill = (
  env: NodeJS.ProcessEnv,
  text = Object.keys(env)
    .map((name) => `\${${name}}`)
    .join(' '),
): string => filled(text, env, fail);
const weak = (): string[] => {
  const names: string[] = [];
  const warn = (fields: object): void => void names.push((fields as { name: string }).name);
  tellWeakSecrets({ warn });
  return names;
};

test('without secrets everything is as it is', () => {
  const value = { any: 'thing' };
  assert.equal(cleaned(value), value);
  assert.equal(withoutSecrets('any thing'), 'any thing');
  assert.equal(veil().more('any thing'), 'any thing');
});

test('a value that was filled in is found in every common form, alone and in the middle of something longer', () => {
  const secret = 'pä"ss/w&rd=1+ ü';
  assert.equal(fill({ TOKEN: secret }), secret);
  const base64 = ['', 'a', 'ab', 'user:'].flatMap((before) => {
    const bytes = Buffer.from(`${before}${secret}${before}`);
    return [bytes.toString('base64'), bytes.toString('base64url')];
  });
  const forms = [
    secret,
    encodeURIComponent(secret),
    encodeURI(secret),
    String(new URLSearchParams({ a: secret })),
    JSON.stringify({ a: secret }),
    JSON.stringify(JSON.stringify({ a: secret })),
    Buffer.from(secret).toString('hex'),
    ...base64,
  ];
  for (const form of forms) {
    const left = withoutSecrets(`before ${form} after`);
    assert.match(left, /^before .*\(secret\).* after$/, form);
    // Of base64 no more is left than what was shared with what stands beside it.
    assert.ok(left.length <= 'before (secret) after'.length + 22, left);
    assert.deepEqual(cleaned({ a: [form], [form]: 1 }), { a: [withoutSecrets(form)], [withoutSecrets(form)]: 1 });
  }
  assert.deepEqual(JSON.parse(withoutSecretsInJson(JSON.stringify({ a: secret }))), { a: '(secret)' });
  assert.equal(excerpt(`${'x'.repeat(8)}${secret}`, 10), 'xxxxxxxx(…');
});

test('a secret that comes in pieces is not shown, however it is cut', () => {
  const secret = 'sk-1234567890-abc';
  fill({ KEY: secret });
  const text = `it begins with s, sk and ${secret}; then ${secret.slice(0, -1)}! and ${secret}${secret} end`;
  for (let size = 1; size <= text.length; size += 1) {
    const { more, rest } = veil();
    let shown = '';
    for (let at = 0; at < text.length; at += size) shown += more(text.slice(at, at + size));
    shown += rest();
    assert.equal(shown, withoutSecrets(text), `in pieces of ${size}`);
  }
  // The beginning of one, at the end, is most of it.
  const { more, rest } = veil();
  assert.equal(more(`end ${secret.slice(0, -1)}`) + rest(), 'end (secret)');
});

test('ordinary words and short values stay in the text, and the log says whose they are', () => {
  fill({ SHORT: 'ab1', WORD: 'production', NUMBER: '8080', FLAG: 'true' });
  assert.deepEqual(weak().sort(), ['FLAG', 'NUMBER', 'SHORT', 'WORD']);
  assert.deepEqual(weak(), []);
  const text = 'in production it is true that 8080 ab1 are numbers';
  assert.equal(withoutSecrets(text), text);
});

test('of an address only what grants access is secret, and where something runs is none', () => {
  fill({ API_URL: 'https://api.example.com:8443/v2/teams?key=k3y-of-url', DATABASE: 'postgres://ada:p4ssw0rd@db.internal/main' });
  fill({ HOOK: 'https://hooks.example.com/services/T00/B0123456789abcdefXYZ', AWS_REGION: 'eu-central-1', HOME: '/home/ada-1' });
  assert.deepEqual(weak(), []);
  const text = 'https://api.example.com:8443/v2/teams/7 db.internal ada eu-central-1 /home/ada-1 hooks.example.com/services/T00';
  assert.equal(withoutSecrets(text), text);
  assert.equal(withoutSecrets('k3y-of-url p4ssw0rd B0123456789abcdefXYZ'), '(secret) (secret) (secret)');
});

test('what is written out in a field or an address that says so is a secret too', () => {
  keepIfSecret('X-Api-Key', 'Bearer wr1tten-out');
  keepIfSecret('accept', 'application/v7+json');
  keepFromAddress('https://ada:pass-w0rd@example.com/a?token=t0ken-here&page=page-27', 'url');
  assert.equal(
    withoutSecrets('wr1tten-out application/v7+json pass-w0rd t0ken-here page-27'),
    '(secret) application/v7+json (secret) (secret) page-27',
  );
  assert.equal(placeOf('https://u:p@example.com/a?k=1'), 'https://example.com/a');
});

test('a variable that is not set, or empty, is named', () => {
  assert.throws(() => fill({ EMPTY: '' }), { message: 'expected the environment variable EMPTY to be set, is empty' });
  assert.throws(() => filled(`\${GONE}`, {}, fail), { message: 'expected the environment variable GONE to be set, is not' });
});

test('a line of the log has no secret, stays JSON, and is no longer than is read', () => {
  fill({ LOGGED: 'l0gged-"quoted"-value' });
  const line = (fields: object): string => `${JSON.stringify({ level: 30, msg: 'm', ...fields })}\n`;
  assert.deepEqual(JSON.parse(sayable(line({ a: 'x l0gged-"quoted"-value' }))), { level: 30, msg: 'm', a: 'x (secret)' });
  for (const fields of [{ a: 'x'.repeat(1_000_000) }, { a: Array.from({ length: 100_000 }, () => 'many') }]) {
    const short = sayable(line(fields));
    assert.ok(short.length < 33_000 && short.endsWith('\n'));
    assert.equal((JSON.parse(short) as { msg: string }).msg, 'm');
  }
});
