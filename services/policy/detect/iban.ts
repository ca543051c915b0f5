/** International Bank Account Numbers (ISO 13616) in texts: of their country's length and form, and 1 modulo 97. */
import { countrySpecs, isValidIBAN } from 'ibantools';

// Words that follow an IBAN look like more of it, so what begins like one is taken at its country's length.
const BEGINNING = /(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?=[ -]?[A-Za-z0-9])/gi;

/** Where the IBANs of a text begin and end, written in one piece or in groups. */
export function ibansIn(text: string): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  for (const { 0: beginning, index } of text.matchAll(BEGINNING)) {
    const length = countrySpecs[beginning.slice(0, 2).toUpperCase()]?.chars ?? undefined;
    if (length === undefined || index < (found.at(-1)?.end ?? 0)) continue;
    const written = new RegExp(`^(?:[ -]?[A-Z0-9]){${length}}(?![A-Z0-9])`, 'i').exec(text.slice(index, index + 2 * length));
    if (written !== null && isValidIBAN(written[0].replace(/[ -]/g, '').toUpperCase()))
      found.push({ start: index, end: index + written[0].length });
  }
  return found;
}

/** A text with something else, as long, in the place of its IBANs. */
export const withoutIbans = (text: string): string =>
  ibansIn(text).reduce((rest, { start, end }) => `${rest.slice(0, start)}${'#'.repeat(end - start)}${rest.slice(end)}`, text);
