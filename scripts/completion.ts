/** What a shell completes, told from the commands themselves; and which version this is. */
import { readFileSync } from 'node:fs';
import { write } from '@reel/bus/terminal.ts';
import type { Command } from 'commander';
import { Refused } from './api.ts';

export const version = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** `reel completion bash|zsh`: a script for the shell's start file. */
export function addCompletion(reel: Command): void {
  reel
    .command('completion <SHELL>')
    .description('a script that completes commands and options: bash or zsh, e.g. eval "$(npx reel completion bash)"')
    .action((shell: string) => {
      const script = { bash: bashOf, zsh: zshOf }[shell];
      if (script === undefined) throw new Refused(`"${shell}" is none of the shells that are known: bash, zsh`);
      write(script(reel));
    });
}

/** The options of each command, and under '' the commands. */
function wordsOf(reel: Command): [command: string, words: string][] {
  const options = (command: Command): string => command.options.flatMap(({ long }) => long ?? []).join(' ');
  const all = reel.commands.map((command): [string, string] => [
    command.name(),
    [...command.commands.map((one) => one.name()), options(command)].filter(Boolean).join(' '),
  ]);
  return [['', `${all.map(([name]) => name).join(' ')} --help --version`], ...all];
}

const casesOf = (reel: Command): string =>
  wordsOf(reel)
    .map(([name, words]) => `    "${name}") words="${words}" ;;`)
    .join('\n');

const bashOf = (reel: Command): string => `_reel() {
  local words command=""
  [ "$COMP_CWORD" -gt 1 ] && command="\${COMP_WORDS[1]}"
  case "$command" in
${casesOf(reel)}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [ \${#COMPREPLY[@]} -eq 0 ] && COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
  return 0
}
complete -F _reel reel
`;

const zshOf = (reel: Command): string => `_reel() {
  local words command=""
  (( CURRENT > 2 )) && command="\${words[2]:-$BUFFER}"
  command="\${\${(z)BUFFER}[2]}"
  (( CURRENT <= 2 )) && command=""
  case "$command" in
${casesOf(reel)}
    *) words="" ;;
  esac
  compadd -- \${=words}
  _files
}
compdef _reel reel
`;
