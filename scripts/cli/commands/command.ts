/** What most commands share: words for people, JSON for programs. */
import { printJson } from '@reel/bus/process/terminal.ts';
import type { Command } from 'commander';

export type Json = { json?: boolean };

/** A command that can print JSON instead of words. */
export const command = (reel: Command, usage: string, description: string): Command =>
  reel.command(usage).description(description).option('--json', 'print JSON, for programs');

export const json = (value: unknown): void => printJson(value, 2);
