/**
 * Ends child processes when this one goes, however it goes: a crash, Ctrl-C or SIGKILL leaves no server behind. A shell beside this
 * process holds the other end of a pipe. When the kernel closes the pipe, the shell ends what is left.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

// SIGCONT comes last: a child that was stopped then finds the SIGTERM.
const WATCH = `pids=
while read -r what pid; do
  case $what in
    add) pids="$pids $pid" ;;
    *) left=; for one in $pids; do [ "$one" = "$pid" ] || left="$left $one"; done; pids=$left ;;
  esac
done
[ -z "$pids" ] && exit
kill -TERM $pids
kill -CONT $pids`;

const leashed = new Set<number>();
let shell: Writable | undefined;

export function leash(child: Pick<ChildProcess, 'pid' | 'once'>): void {
  const { pid } = child;
  if (pid === undefined) return;
  leashed.add(pid);
  if (shell === undefined) watch();
  else shell.write(`add ${pid}\n`);
  child.once('exit', () => {
    leashed.delete(pid);
    shell?.write(`gone ${pid}\n`);
  });
}

function watch(): void {
  // In a session of its own: what ends this process's group, Ctrl-C among it, does not end the shell first.
  const child = spawn('/bin/sh', ['-c', WATCH], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const { stdin } = child;
  shell = stdin;
  stdin.on('error', () => {});
  child.once('error', () => {
    shell = undefined;
  });
  // However the shell ended, it is needed while there are children.
  child.once('exit', () => {
    shell = undefined;
    if (leashed.size > 0) watch();
  });
  for (const pid of leashed) stdin.write(`add ${pid}\n`);
  child.unref();
  (stdin as Writable & { unref(): void }).unref();
}
