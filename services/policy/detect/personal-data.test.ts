import assert from 'node:assert/strict';
import { test } from 'node:test';
import { personalDataIn } from './personal-data.ts';

const found = (text: string, label = ''): number => personalDataIn(text, label);
const all = (count: number, texts: readonly string[]): void => {
  for (const text of texts) assert.equal(found(text), count, text);
};

test('e-mail addresses are found', () => {
  all(1, ['ann@example.com', 'Ann <ann.b+shop@mail.example.co.uk>', "o'hara_1@example.org.", 'mailto:ann@example.com', 'änne@exämple.de']);
  all(2, ['ann@example.com, bob@example.com']);
  all(0, ['@ann', 'a@b', 'reel@1.2.3', '@reel/bus', 'ann at example.com', 'x@@example']);
});

test('an IBAN counts once, even if it contains other numbers', () => {
  all(1, ['DE89 3704 0044 0532 0130 00', 'GB29NWBK60161331926819']);
  all(0, ['DE88 3704 0044 0532 0130 00']);
});

test('telephone numbers in international notation are found, amounts and order numbers are not', () => {
  all(1, ['+49 151 2345 6789', '+1 (212) 555-0100', '+442079460958', 'tel:+351912345678', '+41 44 668 18 00.']);
  all(0, ['0171 1234567', '+15 000 000 EUR', '+12', '1+1234567890123', '+1234567890123456789', '4006381333931', '302-4938271-2938172']);
});

test('US social security numbers are found by their rules', () => {
  all(1, ['123-45-6789', 'SSN 123 45 6789']);
  all(0, [
    '000-12-3456',
    '666-12-3456',
    '900-12-3456',
    '123-00-6789',
    '123-45-0000',
    '078-05-1120',
    '123-45-67890',
    '1123-45-6789',
    '123-45 6789',
  ]);
});

test('a date of birth is found where it is called one', () => {
  all(1, ['date of birth: 1980-01-02', 'DOB: 01/02/1980', 'born on 2 May 1980', 'Geburtsdatum: 2.1.1980', '"birthdate": "1980-01-02"']);
  all(0, ['1980-01-02', 'arrival: 2026-11-21', 'born to be wild', 'stubborn: 1980-01-02']);
  assert.equal(found('1980-01-02', 'date of birth'), 1);
  assert.equal(found('May 2, 1980', 'birthday'), 1);
  assert.equal(found('1980-01-02', 'arrival'), 0);
});
