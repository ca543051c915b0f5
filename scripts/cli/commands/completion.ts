/** What a shell completes, told from the commands themselves; and which version this is. */
import { readFileSync } from 'node:fs';
import { write } from '@reel/bus/process/terminal.ts';
import type { Command } from 'commander';
import { Refused } from '../api.ts';

export const version = (): string =>
  (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }).version;

/** `reel completion bash|zsh`: a script for the shell's start file. */
export function addCompletion(reel: Command): void {
  reel
    .command('completion <SHELL>')
    .description('print a completion script for bash or zsh: eval "$(npx reel completion bash)"')
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
    .map(([name, words]) => `    "${name}") choices="${words}" ;;`)
    .join('\n');

// `npx reel` is completed like `reel`; after another word of npx's there are files.
const bashOf = (reel: Command): string => `_reel() {
  local at=1 command="" choices=""
  if [ "\${COMP_WORDS[0]}" = npx ]; then
    if [ "$COMP_CWORD" -lt 2 ] || [ "\${COMP_WORDS[1]}" != reel ]; then return 0; fi
    at=2
  fi
  [ "$COMP_CWORD" -gt "$at" ] && command="\${COMP_WORDS[$at]}"
  case "$command" in
${casesOf(reel)}
  esac
  COMPREPLY=($(compgen -W "$choices" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _reel reel npx
`;

const zshOf = (reel: Command): string => `_reel() {
  local command="" choices=""
  integer at=2
  if [[ "\${words[1]}" = npx ]]; then
    if (( CURRENT < 3 )) || [[ "\${words[2]}" != reel ]]; then _files; return; fi
    at=3
  fi
  (( CURRENT > at )) && command="\${words[at]}"
  case "$command" in
${casesOf(reel)}
  esac
  compadd -- \${=choices}
  _files
}
compdef _reel reel npx
`;
