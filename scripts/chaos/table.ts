/** The report of chaos, for the eye. */
import type { Report } from './play.ts';

const WIDTHS = [38, 7, 10, 9, 11, 9, 9];
const row = (cells: readonly (string | number)[]): string =>
  cells.map((cell, n) => (n === 0 ? String(cell).padEnd(WIDTHS[0] as number) : String(cell).padStart(WIDTHS[n] as number))).join('');
const counts = (all: ReadonlyMap<string, number>): string => [...all].map(([name, count]) => `${count} ${name}`).join(', ') || 'none';
const seconds = (ms: number): string => (ms / 1000).toFixed(2);

export function table(report: Report): string {
  const { recoveries, errands, findings } = report;
  const faults = recoveries.reduce((sum, one) => sum + one.faults, 0);
  const lines = [
    '',
    row(['fault', 'times', 'lasting s', 'touched', 'recovered', 'p50 s', 'p99 s']),
    ...recoveries
      .filter(({ faults: times }) => times > 0)
      .map((one) => row([one.kind, one.faults, seconds(one.lastedMs), one.touched, one.recovered, seconds(one.p50Ms), seconds(one.p99Ms)])),
    '',
    ...[...errands].map(([name, ends]) => `  ${name.padEnd(18)} ${counts(ends)}`),
    '',
    `${report.runs} runs (${counts(report.ends)}), ${report.facts} facts, ${faults} faults in ${report.seconds.toFixed(0)} s`,
    `tools and models: ${counts(report.troubles)}; ${report.effects} effects by key`,
    `clients asked again ${report.askedAgain} times; services raised ${report.faultsRaised} faults`,
    ...findings.slice(0, 50).map((finding) => `  ${finding}`),
    `${findings.length} findings`,
  ];
  return `${lines.join('\n')}\n`;
}
