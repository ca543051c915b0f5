/**
 * Where code reads what others write: each place is in this table, with what bounds it. A read that is added later is found by its name, and
 * this test fails until somebody has said what bounds that one.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');

/** How a read from outside looks: a request over HTTP, the body of an answer, a program and what it says, a message of the broker. */
const READS = {
  fetch: /(?<![\w.])fetch\(/g,
  transport: /new (?:Stdio|StreamableHTTP)ClientTransport\(|new OpenAI\(/g,
  body: /\.(?:text|json|arrayBuffer|bytes|blob|formData)\(\)|\.getReader\(\)/g,
  program: /(?<![\w.])(?:spawn|execFile|fork)\(|promisify\(execFile\)|\bexec\b[^}]*\} from 'node:child_process'|createInterface\(/g,
  output: /\b(?:stdout|stderr)\b\S{0,3}\.(?:setEncoding|on|pipe)\(/g,
  subscription: /\.subscribe\(/g,
} as const;

/** By file: how many reads of which kind, and what bounds them. */
const KNOWN: Record<string, readonly [reads: string, bound: string]> = {
  'infra/bus/jetstream/publisher.ts': [
    'subscription 1',
    'an inbox of its own: acknowledgements of what it has sent, of at most max_payload each',
  ],
  'infra/bus/signals/presence.ts': ['subscription 1', 'the roll call, of which only one text is heard'],
  'infra/bus/process/bounded-read.ts': ['body 1', 'this is where it is bounded'],
  'infra/bus/quarantine/quarantine.ts': ['program 1', 'a process of our own: its memory and its time; what it says goes to the log'],
  'infra/bus/signals/tool-registry.ts': [
    'subscription 1',
    'a sign that something has changed; what is read has limits of entries and bytes',
  ],
  'infra/bus/signals/presence-tracker.ts': [
    'subscription 1',
    'bytes of one announcement, instances and bytes under one name, bytes read in a beat',
  ],
  'infra/bus/signals/token-stream.ts': ['subscription 1', 'bytes of one message; nothing is kept'],
  'infra/bus/jetstream/tail.ts': ['subscription 1', 'entries and bytes of what is ahead'],
  'infra/bus/process/terminal.ts': ['program 1', 'a person who answers a question'],
  'infra/image/alive.ts': ['fetch 1', 'only the status is looked at'],
  'infra/nats/cache.ts': ['fetch 1', 'a function of that name, which fetches into a folder'],
  'infra/nats/cluster.ts': ['body 1, fetch 1', 'the broker that was started here, in tests'],
  'infra/nats/debian.ts': ['program 1', 'execFile ends a program that says more than 1 MiB'],
  'infra/nats/child-cleanup.ts': ['program 1', 'a shell of our own that says nothing'],
  'infra/nats/lock.ts': ['output 1, program 1', 'flock or perl with arguments of ours, which ends at once'],
  'infra/nats/log.ts': ['output 1', 'characters of a line, and lines'],
  'infra/nats/processes.ts': ['program 1', 'execFile ends a program that says more than 1 MiB'],
  'infra/nats/release.ts': ['body 1, fetch 1, program 1', 'a release of nats-server, which is to be run: it is held to its checksum'],
  'infra/nats/server.ts': ['program 1', 'its output is followed by log.ts'],
  'infra/nats/version.ts': ['program 1', 'execFile ends a program that says more than 1 MiB'],
  'services/gateway/error-answers.ts': ['body 1', 'the body limit of the gateway'],
  'services/gateway/request-guard.ts': ['body 1', 'the body limit of the gateway'],
  'services/model-executor/chat.ts': ['body 1, fetch 1, transport 1', 'bytes of an answer, of an event and of an error'],
  'services/tool-executor/api-document.ts': ['body 1, fetch 1', 'bytes of the document and of all that it refers to, and its values'],
  'services/tool-executor/api.ts': ['body 1, fetch 1', 'bytes of an answer'],
  'services/tool-executor/http.ts': ['fetch 4', 'bytes of an answer with all that is resumed of it, and of what comes unasked in a minute'],
  'services/tool-executor/mcp.ts': [
    'output 1, transport 2',
    'bytes of an answer, a line, a list and what comes unasked in a minute; characters of stderr',
  ],
};
/** Programs that people run by hand, on what they have started themselves; the command line bounds what it reads in `api.ts`. */
const BY_HAND = /^scripts\/(?!cli\/api\.ts)|^infra\/bus\/testing\/bare-jetstream\.ts|^services\/[^/]+\/(?:fixtures|offline)\/|\.test\.ts$/;
const OTHERS: typeof KNOWN = { 'scripts/cli/api.ts': ['body 2, fetch 1', 'bytes of an answer and of an event'] };

const code = (file: string): string => readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

test('every read from outside is known, and says what bounds it', () => {
  const files = execFileSync('git', ['ls-files', '*.ts'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((file) => /^(infra|services|scripts|contracts)\//.test(file));
  const found = Object.fromEntries(
    files
      .filter((file) => !BY_HAND.test(file))
      .map((file) => {
        const text = code(file);
        const reads = Object.entries(READS).flatMap(([kind, looks]) => {
          const times = [...text.matchAll(looks)].length;
          return times === 0 ? [] : [`${kind} ${times}`];
        });
        return [file, reads.sort().join(', ')];
      })
      .filter(([, reads]) => reads !== ''),
  );
  const known = Object.fromEntries(
    Object.entries({ ...KNOWN, ...OTHERS }).flatMap(([file, [reads]]) => (reads === '' ? [] : [[file, reads]])),
  );
  assert.deepEqual(found, known, 'say in this table what bounds a read that is new');
});
