/** International Bank Account Numbers (ISO 13616): the right length for the country, and 1 modulo 97. */

/** How long an IBAN is, by country: the registry of SWIFT, release 100 (2025-10). */
const LENGTHS = new Map(
  (
    '15NO 16BE 18DK,FI,FK,FO,GL,NL,SD 19MK,SI 20AT,BA,EE,KZ,LT,LU,MN,XK 21CH,HR,LI,LV 22BG,BH,CR,DE,GB,GE,IE,ME,RS,VA 23AE,GI,IL,IQ,OM,SO,TL ' +
    '24AD,CZ,ES,MD,PK,RO,SA,SE,SK,TN,VG 25LY,PT,ST 26IS,TR 27BI,DJ,FR,GR,IT,MC,MR,SM 28AL,AZ,BY,CY,DO,GT,HN,HU,LB,NI,PL,SV 29BR,EG,PS,QA,UA ' +
    '30JO,KW,MU,YE 31MT,SC 32LC 33RU'
  )
    .split(' ')
    .flatMap((group) =>
      group
        .slice(2)
        .split(',')
        .map((country) => [country, Number(group.slice(0, 2))] as const),
    ),
);

// Words that follow an IBAN look like more of it, so what begins like one is taken at its country's length.
const BEGINNING = /(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?=[ -]?[A-Za-z0-9])/gi;

/** Where the IBANs of a text begin and end, written in one piece or in groups. */
export function ibansIn(text: string): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (const { 0: beginning, index } of text.matchAll(BEGINNING)) {
    const length = LENGTHS.get(beginning.slice(0, 2).toUpperCase());
    if (length === undefined || index < (found.at(-1)?.end ?? 0)) continue;
    const written = new RegExp(`^(?:[ -]?[A-Z0-9]){${length}}(?![A-Z0-9])`, 'i').exec(text.slice(index, index + 2 * length));
    if (written !== null && isIban(written[0].replace(/[ -]/g, ''))) found.push({ start: index, end: index + written[0].length });
  }
  return found;
}

/** A text with something else, as long, in the place of its IBANs. */
export const withoutIbans = (text: string): string =>
  ibansIn(text).reduce((rest, { start, end }) => `${rest.slice(0, start)}${'#'.repeat(end - start)}${rest.slice(end)}`, text);

function isIban(iban: string): boolean {
  const moved = iban.slice(4) + iban.slice(0, 4);
  let remainder = 0;
  for (const character of moved) {
    const value = Number.parseInt(character, 36);
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}
