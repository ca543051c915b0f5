/** The log of a process: one line of JSON for each event, without secrets, and no line longer than anybody reads. */
import pino from 'pino';
import { withoutSecretsInJson } from '../runtime/secrets.ts';
import { logTo } from './terminal.ts';

const LONGEST_LINE = 32_768;
const LONGEST_FIELD = 2000;

/** @param destination 1 or 2, where it is not stdout. */
export const openProcessLog = (level: string, destination: 1 | 2 = 1): pino.Logger =>
  pino({ name: 'reel', level, hooks: { streamWrite: sayable } }, logTo(destination));

/** A line as it may be written. */
export function sayable(line: string): string {
  const plain = withoutSecretsInJson(line);
  return plain.length > LONGEST_LINE ? shortened(plain) : plain;
}

function shortened(line: string): string {
  const short = JSON.stringify(JSON.parse(line), (_, value: unknown) =>
    typeof value === 'string' && value.length > LONGEST_FIELD ? `${value.slice(0, LONGEST_FIELD)}… (${value.length} characters)` : value,
  );
  if (short.length <= LONGEST_LINE) return `${short}\n`;
  // Many short fields: what it is about is worth more than all of them.
  const { level, time, msg, service } = JSON.parse(short) as Record<string, unknown>;
  return `${JSON.stringify({ level, time, name: 'reel', service, msg, left: `out: ${line.length} characters of fields` })}\n`;
}
