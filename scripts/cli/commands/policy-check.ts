/** `reel policy check`: whether a folder of policies can be used, without starting anything. */
import { print, warn } from '@reel/bus/process/terminal.ts';
import type { ToolList } from '@reel/gateway/shapes.ts';
import { strayAims } from '@reel/policy/aims.ts';
import { judgeBy } from '@reel/policy/cedar.ts';
import { parsePolicies, readFolder } from '@reel/policy/policies.ts';
import { defaultPolicies } from '@reel/policy/policy.ts';
import { PolicyError } from '@reel/policy/source.ts';
import type { Command } from 'commander';
import { ask } from '../api.ts';

export function addPolicyCheck(reel: Command): void {
  reel
    .command('policy')
    .description('check Cedar policies')
    .command('check [FOLDER]')
    .description('check that every name in the policies exists (FOLDER, REEL_POLICIES or the default policies)')
    .option('--tools', 'fail if no Reel runs; if one runs, warn about tools and arguments that it does not offer')
    .action(check);
}

/** @throws PolicyError when they cannot. */
async function check(
  folder: string = process.env['REEL_POLICIES'] || defaultPolicies,
  { tools = false }: { tools?: boolean },
): Promise<void> {
  const files = readFolder(folder);
  const { digest } = judgeBy(files);
  for (const warning of await strays(folder, tools)) warn(`warning: ${warning}`);
  print(`${parsePolicies(files).size} policies in ${folder} can be used: ${digest}`);
}

/** What the policies name and the running Reel does not offer. Without a Reel there is nothing to hold them up to. */
async function strays(folder: string, isNeeded: boolean): Promise<string[]> {
  try {
    return strayAims(parsePolicies(readFolder(folder)).values(), (await ask<ToolList>('GET', '/v1/tools')).tools);
  } catch (error) {
    if (isNeeded || error instanceof PolicyError) throw error;
    return [];
  }
}
