/**
 * Keys, tokens and passwords, by how their issuers write them and by what people call them. Patterns of one's own, because the packages
 * that know more (secretlint and its like) read source trees, report what they found word for word, and bring configuration along.
 */

/** Each by the beginning that its issuer gave it so that it be recognised. */
const ISSUED: readonly RegExp[] = [
  /\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}\b/g, // AWS access key id
  /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})\b/g,
  /\bglpat-[\w-]{20,}/g, // GitLab
  /(?<![\w-])sk-[A-Za-z0-9][\w-]{18,}[A-Za-z0-9]/g, // OpenAI, Anthropic and those who follow them
  /\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/]{24,}/g, // Stripe
  /\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}/g, // Slack
  /\bhooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9/]{20,}/g,
  /\bAIza[\w-]{35}(?![\w-])|\bya29\.[\w-]{20,}/g, // Google
  /\bnpm_[A-Za-z0-9]{36}\b/g,
  /\bhf_[A-Za-z0-9]{30,}\b/g, // Hugging Face
  /\bSG\.[\w-]{16,}\.[\w-]{16,}/g, // SendGrid
  /\bS[ACNOUX][A-Z2-7]{56}\b/g, // NATS seeds
  /\bAGE-SECRET-KEY-1[A-Z0-9]{58}\b/g,
  /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/g,
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/g, // JSON Web Tokens
  /\bbearer\s+(?=[^\s"']*[0-9])[A-Za-z0-9._~+/-]{16,}=*/gi,
  /\bauthorization["']?\s*[:=]\s*["']?basic\s+[A-Za-z0-9+/]{8,}=*/gi,
  /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/:@"']{1,200}:[^\s/:@"']{3,200}@[\w.[-]/gi, // user:password@host
];

const NAMES =
  'pass(?:word|wd|phrase|code)?|pwd|passwort|kennwort|mot de passe|contraseña|secret|' +
  '(?:api|access|account|app|auth|client|encryption|license|private|refresh|secret|session|shared|signing|webhook)[ _-]?(?:access[ _-]?)?(?:key|token|secret)';
const SHORTEST = 6;

/** `password: hunter2`, `"api_key": "…"`, `the password is hunter2`. */
const ASSIGNED = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:${NAMES})["'\`*]{0,3}(?: ?(?::|=|=>|:=) ?| is:? )["'\`* ]{0,5}([^\\s"'\`,;]{${SHORTEST},})`,
  'giu',
);
const NAMED = new RegExp(`(?:^| )(?:${NAMES})$`, 'iu');
/** What is written where a secret is not: stars, <password>, \${PASSWORD}, a link, a word. */
const PLACEHOLDER =
  /^(?:[*xX•.#_-]+|[<[{(].*|\$.*|%.*|=.*|[a-z]+:\/\/.*|(?:redacted|hidden|removed|withheld|required|optional|unchanged|changeme|undefined)\W*)$/i;

/** How many secrets are in a text; one that is called one as well counts once. */
export function secretsIn(text: string, label: string): number {
  const issued = ISSUED.reduce((count, pattern) => count + (text.match(pattern)?.length ?? 0), 0);
  if (issued > 0) return issued;
  if (NAMED.test(label) && isValue(text)) return 1;
  return [...text.matchAll(ASSIGNED)].filter(([, value]) => isAssigned(value as string)).length;
}

/** The whole of a member with such a name. */
const isValue = (text: string): boolean => text.length >= SHORTEST && !/\s/.test(text) && !PLACEHOLDER.test(text);

/** In prose a word may follow ("the password is case-sensitive"), so it takes a digit or a sign within that words do not have. */
const isAssigned = (value: string): boolean => !PLACEHOLDER.test(value) && /\p{N}|[!@#$%^&*+=?~](?=[\p{L}\p{N}])/u.test(value);
