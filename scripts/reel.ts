#!/usr/bin/env node
/** The operator's command line: `npx reel --help`. Everything goes through the gateway's HTTP API, except what starts a Reel. */
import { warn, write } from '@reel/bus/process/terminal.ts';
import { Command, CommanderError } from 'commander';
import { addArchive } from './archive/archive.ts';
import { Refused } from './cli/api.ts';
import { addCompletion, version } from './cli/commands/completion.ts';
import { addDeciding } from './cli/commands/deciding.ts';
import { addTail } from './cli/commands/following.ts';
import { addListing } from './cli/commands/listing.ts';
import { addNew } from './cli/commands/new.ts';
import { addOperation } from './cli/commands/operation.ts';
import { addPolicyCheck } from './cli/commands/policy-check.ts';
import { addReading } from './cli/commands/reading.ts';
import { addRun } from './cli/commands/submit.ts';
import { EXIT } from './cli/exit-codes.ts';
import { addVerify } from './verify/verify.ts';

const reel = new Command('reel').description('Governed, durable, observable runs of model calls, tool calls and human decisions.');
reel.configureOutput({ writeOut: write, writeErr: (text) => warn(text.trimEnd()) });

addOperation(reel);
addRun(reel);
addReading(reel);
addTail(reel);
addDeciding(reel);
addListing(reel);
addVerify(reel);
addPolicyCheck(reel);
addNew(reel);
addArchive(reel);
addCompletion(reel);
reel.version(version(), '-V, --version');
for (const one of [reel, ...reel.commands]) one.exitOverride();

reel.parseAsync().catch((error: Error) => {
  // Commander has said it already; asking for help or the version is no trouble.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
  else {
    warn(error instanceof Refused ? error.message : `reel: ${error.message}`);
    process.exitCode = error instanceof Refused ? error.exit : EXIT.no;
  }
});
