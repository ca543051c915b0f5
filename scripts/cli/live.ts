/** A run for the eye while it goes on: its facts as lines, and between them what models are writing, as they write it. */
import { inLine, visible } from '@reel/bus/process/terminal.ts';
import type { Tokens } from '@reel/gateway/shapes.ts';
import type { Told } from './api.ts';
import { storyTree } from './story-tree.ts';

export type Live = {
  told(told: Told): void;
  shown(tokens: Tokens): void;
  /** Ends the line that is being written. */
  close(): void;
};

/** Texts that are written at the same time take turns, each piece under the name of its step. */
export function live(write: (text: string) => void, inColour: boolean, width: number): Live {
  const line = storyTree(inColour, width);
  let writing: string | undefined;
  const close = (): void => {
    if (writing !== undefined) write('\n');
    writing = undefined;
  };
  return {
    told: (told) => {
      close();
      write(`${line(told)}\n`);
    },
    shown: ({ at, text }) => {
      const name = inLine(at.n > 1 ? `${at.id} (${at.n})` : at.id);
      const margin = `${' '.repeat(11)}${name.padEnd(14)}| `;
      if (writing !== margin) {
        close();
        write(margin);
        writing = margin;
      }
      write(visible(text).replaceAll('\n', `\n${margin}`));
    },
    close,
  };
}
