#!/usr/bin/env node
/** The operator's command line: `npx reel --help`. Everything goes through the gateway's HTTP API, except what starts a Reel. */
import { warn, write } from '@reel/bus/terminal.ts';
import { Command, CommanderError } from 'commander';
import { Refused } from './api.ts';
import { addArchive } from './archive.ts';
import { addDeciding } from './cli/deciding.ts';
import { addTail } from './cli/following.ts';
import { addListing } from './cli/listing.ts';
import { addOperation } from './cli/operation.ts';
import { addReading } from './cli/reading.ts';
import { addRun } from './cli/submit.ts';
import { addCompletion, version } from './completion.ts';
import { EXIT } from './exit-codes.ts';
import { addNew } from './new.ts';
import { addPolicyCheck } from './policy-check.ts';
import { addVerify } from './verify.ts';

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
