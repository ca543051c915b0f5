/**
 * What tells of a person: e-mail addresses, bank accounts, telephone numbers in international notation, US social security numbers, and
 * dates of birth that are called so. Names and postal addresses cannot be told from other text by a rule, so they are not tried.
 */
import { ibansIn, withoutIbans } from './iban.ts';

const EMAIL =
  /(?<![\w.+-])[\p{L}\p{N}!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}])/gu;
/** E.164: a plus, the country and up to fifteen digits in all. */
const PHONE = /(?<![\w+])\+[1-9](?:[ ()./-]{0,3}[0-9]){7,14}(?![ ()./-]{0,1}[0-9]|[\p{L}_])/gu;
/** Area 000, 666 and 900 on, group 00 and number 0000 are never given out. */
const SOCIAL_SECURITY = /(?<![\w-])(?!000|666|9)[0-9]{3}([- ])(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![\w]|-[0-9])/g;
/** Two well-known sample numbers, which belong to no person. */
const PRINTED = /^(?:078.05.1120|219.09.9999)$/;
const BIRTH =
  /(?<!\p{L})(?:date of birth|birth ?da(?:te|y)|d\.?o\.?b\.?|born(?: on)?|geburtsdatum|geboren(?: am)?|date de naissance|fecha de nacimiento)["'*]{0,3}[ :=]{1,3}["'*]{0,3}(?:[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}|[0-9]{1,2}\.? \p{L}{3,12}\.?,? [0-9]{4}|\p{L}{3,12}\.? [0-9]{1,2},? [0-9]{4})/giu;

/** How much of it is in a text; it has to be `readable`. */
export function personalDataIn(text: string, label: string): number {
  const rest = withoutIbans(text);
  const births = label === '' ? rest : `${label}: ${rest}`;
  return (
    ibansIn(text).length +
    (rest.includes('@') ? (rest.match(EMAIL)?.length ?? 0) : 0) +
    (rest.match(PHONE) ?? []).filter(isPhone).length +
    (rest.match(SOCIAL_SECURITY) ?? []).filter((number) => !PRINTED.test(number)).length +
    (births.match(BIRTH)?.length ?? 0)
  );
}

/** North America (+1) and the country code 7 have eleven digits; fewer than nine in all are rather an amount with its sign. */
function isPhone(written: string): boolean {
  const digits = written.replace(/[^0-9]/g, '');
  return /^[17]/.test(digits) ? digits.length === 11 : digits.length >= 9;
}
