// Follows what nats-server says on stderr: the only place where it tells why it died, or whether it took a new configuration.
import type { Readable } from 'node:stream';

/** Characters of a line that are kept. */
const LONGEST_LINE = 16_384;

export type Log = {
  /** The last lines that complain; without any, the last lines. */
  complaint: () => string;
  /** The next line that matches, from now on. Rejects when the log ends first. */
  next: (pattern: RegExp) => Promise<string>;
};

export function followLog(stderr: Readable, onLine: (line: string) => void = () => {}): Log {
  const lines: string[] = [];
  const waiting = new Set<(line: string | undefined) => void>();
  const hearLine = (line: string): void => {
    lines.push(line);
    if (lines.length > 200) lines.shift();
    onLine(line);
    for (const hear of waiting) hear(line);
  };
  let rest = '';
  stderr.setEncoding('utf8').on('data', (chunk: string) => {
    const whole = (rest + chunk).split(/\r?\n/);
    // The end of a line that is longer than anybody reads is left out.
    rest = (whole.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of whole) hearLine(line.slice(0, LONGEST_LINE));
  });
  stderr.once('close', () => {
    if (rest !== '') hearLine(rest);
    for (const hear of waiting) hear(undefined);
  });

  return {
    complaint: () => {
      const complaints = lines.filter((line) => !/\[(INF|WRN|DBG|TRC)\]/.test(line));
      return (complaints.length > 0 ? complaints : lines).slice(-8).map(withoutStamp).join('\n');
    },
    next: (pattern) =>
      new Promise((resolve, reject) => {
        const hear = (line: string | undefined): void => {
          if (line !== undefined && !pattern.test(line)) return;
          waiting.delete(hear);
          if (line === undefined) reject(new Error('nats-server ended'));
          else resolve(withoutStamp(line));
        };
        waiting.add(hear);
      }),
  };
}

/** `[12] 2026/01/01 00:00:00.000000 [ERR] why` says no more than `why` to the reader of an error. */
const withoutStamp = (line: string): string => line.replace(/^\[\d+\] \S+ \S+ \[\w+\] /, '');
