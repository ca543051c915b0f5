/** `reel policy check`: whether a folder of policies can be used, without starting anything. */
import { print, warn } from '@reel/bus/terminal.ts';
import type { ToolList } from '@reel/gateway/shapes.ts';
import { strayAims } from '@reel/policy/aims.ts';
import { judgeBy } from '@reel/policy/cedar.ts';
import { parsePolicies, readFolder } from '@reel/policy/policies.ts';
import { defaultPolicies } from '@reel/policy/policy.ts';
import type { Command } from 'commander';
import { ask } from './api.ts';

export function addPolicyCheck(reel: Command): void {
  reel
    .command('policy')
    .description('about Cedar policies')
    .command('check [FOLDER]')
    .description('whether the policies can be used: every name that they look at is there (of REEL_POLICIES, or the default ones)')
    .option('--tools', 'warn also of tools and arguments that are not on offer in the running Reel')
    .action(check);
}

/** @throws PolicyError when they cannot. */
async function check(folder: string = process.env['REEL_POLICIES'] || defaultPolicies, { tools }: { tools?: boolean }): Promise<void> {
  const files = readFolder(folder);
  const { digest } = judgeBy(files);
  const policies = parsePolicies(files);
  const warnings = tools ? strayAims(policies.values(), (await ask<ToolList>('GET', '/v1/tools')).tools) : [];
  for (const warning of warnings) warn(`warning: ${warning}`);
  print(`${policies.size} policies in ${folder} can be used: ${digest}`);
}
