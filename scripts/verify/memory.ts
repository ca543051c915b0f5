/** Loaded before a command: says at its end the most memory that its process had, and the time that it was really given. */
import { warn } from '@reel/bus/process/terminal.ts';

process.once('exit', () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  const seconds = ((userCPUTime + systemCPUTime) / 1e6).toFixed(1);
  warn(`at most ${Math.round(maxRSS / 1024)} MiB of memory, ${seconds} s of processor time`);
});
