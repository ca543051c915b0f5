/** Loaded before a command: says at its end the most memory that its process had. */
process.once('exit', () => process.stderr.write(`at most ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB of memory\n`));
