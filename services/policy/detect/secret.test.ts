import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secretsIn } from './secret.ts';

const found = (text: string, label = ''): number => secretsIn(text, label);

// Put together from pieces, so that secret scanners do not report this repository.
const join = (...pieces: string[]): string => pieces.join('');
const letters = 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fR3uX6';

const issued: { readonly [name: string]: string } = {
  'an AWS key': join('AK', 'IA', 'IOSFODNN7EXAMPLE'),
  'a GitHub token': join('gh', 'p_', letters),
  'a fine-grained GitHub token': join('github', '_pat_', '11ABCDEFG0', letters),
  'a GitLab token': join('glp', 'at-', letters.slice(0, 20)),
  'an OpenAI key': join('s', 'k-', letters),
  "an OpenAI project's key": join('s', 'k-proj-', letters),
  'an Anthropic key': join('s', 'k-ant-api03-', letters, '-', letters),
  'a Stripe key': join('sk', '_live_', letters.slice(0, 24)),
  'a Slack token': join('xo', 'xb-', '123456789012-', letters.slice(0, 24)),
  'a Google key': join('AI', 'za', letters.slice(0, 35)),
  'an npm token': join('np', 'm_', letters),
  'a NATS seed': join('SU', 'AB'.repeat(28)),
  'a private key': join('-----BEGIN ', 'RSA PRIVATE KEY-----'),
  'an OpenSSH key': join('-----BEGIN ', 'OPENSSH PRIVATE KEY-----'),
  'a JSON Web Token': join('ey', 'JhbGciOiJIUzI1NiJ9.', 'ey', 'JzdWIiOiIxMjM0In0.', letters),
  'a bearer token': `Authorization: Bearer ${letters}`,
  'basic credentials': 'Authorization: Basic YW5uOmh1bnRlcjI=',
  'a database with its password': 'postgres://ann:hunter2@db.example/shop',
};

for (const [name, text] of Object.entries(issued)) {
  test(`${name} is found, alone and within a sentence`, () => {
    assert.equal(found(text), 1);
    assert.equal(found(`Use this: ${text} and be quick.`), 1);
  });
}

test('what is called a password, a key or a token is one', () => {
  for (const text of [
    'password: hunter2',
    'Password = "s3cret!"',
    'the password is hunter2',
    "Your passphrase is: 'correct4horse'",
    '{"password": "hunter2"}',
    'api_key=abc123def',
    'AWS_SECRET_ACCESS_KEY=abc/123+def',
    'client secret: 0f3a-77',
    'Das Passwort: geheim!1',
    '**API key:** `abc123def`',
  ]) {
    assert.equal(found(text), 1, text);
  }
  assert.equal(found('password: hunter2, api key: abc123'), 2);
});

test('the value of a member with such a name is one, even without a digit', () => {
  for (const label of ['password', 'db password', 'api key', 'client secret', 'access token', 'aws secret access key']) {
    assert.equal(found('correcthorse', label), 1, label);
  }
});

test('a placeholder is none, nor a word about passwords', () => {
  for (const text of [
    '********',
    '<password>',
    '$PASSWORD',
    '[hidden]',
    'redacted',
    '=input.password',
    'short',
    'at least eight characters',
  ]) {
    assert.equal(found(text, 'password'), 0, text);
  }
  for (const text of [
    'password must contain 8 characters',
    'Password: forgotten? Reset it here',
    'the password is case-sensitive',
    'reset your password: https://shop.example/reset/1',
    'a bearer of good news for all of us',
    'the secret: patience',
    'password: ********',
    'SKU sk-1, risk-based pricing, task-4711',
    'https://shop.example:8080/a@b',
  ]) {
    assert.equal(found(text), 0, text);
  }
  assert.equal(found('c3RlcDo0MA', 'next page token'), 0);
  assert.equal(found('1250', 'token count'), 0);
});
