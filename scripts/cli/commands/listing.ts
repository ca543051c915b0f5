/** Who is there, what is on offer, and which facts there are. */
import { columns, print, warn } from '@reel/bus/process/terminal.ts';
import { Envelope } from '@reel/contracts/envelope.ts';
import { story } from '@reel/contracts/story.ts';
import { StrictWorkflow } from '@reel/contracts/workflow/format.ts';
import type { ComponentList, ToolList } from '@reel/gateway/shapes.ts';
import type { Command } from 'commander';
import { z } from 'zod';
import { ownServices, topologyFaults, topologyOf, topologyTable } from '../../check/topology.ts';
import { ask } from '../api.ts';
import { componentRows, HEADINGS } from '../components.ts';
import { EXIT } from '../exit-codes.ts';
import { when } from '../summary.ts';
import { table } from '../table.ts';
import { command, type Json, json } from './command.ts';

export function addListing(reel: Command): void {
  command(reel, 'tools', 'list the tools on offer').action(async (options: Json) => {
    const { tools, refused } = await ask<ToolList>('GET', '/v1/tools');
    if (options.json) return json(tools);
    const rows = tools.map((tool) => [
      tool.name,
      tool.server,
      tool.effect,
      `${tool.timeoutMs} ms`,
      tool.compensation?.uses ?? '',
      tool.description.split('\n')[0] ?? '',
    ]);
    print(
      rows.length === 0
        ? 'no tools are on offer: set REEL_TOOLS to a file that lists servers, APIs and modules'
        : table(['TOOL', 'SERVER', 'EFFECT', 'TIMEOUT', 'UNDONE BY', ''], rows, columns()),
    );
    if (refused.length > 0)
      print(
        table(
          ['NOT OFFERED', 'SERVER', 'WHY'],
          refused.map(({ tool, server, why }) => [tool, server, why]),
          columns(),
        ),
      );
  });

  command(reel, 'components', 'list the running services and what they offer').action(async (options: Json) => {
    const list = await ask<ComponentList>('GET', '/v1/components');
    return options.json ? json(list) : print(table(HEADINGS, componentRows(list.components, when), columns()));
  });

  command(reel, 'topology', 'print which services publish and handle which facts')
    .option('--check', 'fail if there is a mistake in it')
    .action(async (options: Json & { check?: boolean }) => {
      const services = await ownServices();
      const faults = topologyFaults(services);
      if (options.json) json({ cast: topologyOf(services), faults });
      else print(topologyTable(topologyOf(services)));
      for (const fault of faults) warn(fault);
      if (options.check && faults.length > 0) process.exitCode = EXIT.no;
    });

  command(reel, 'contracts', 'print the JSON Schemas of the envelope, of every fact and of the workflow format').action(() => {
    const schema = (shape: z.ZodType): unknown => z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' });
    json({
      envelope: schema(Envelope),
      workflow: schema(StrictWorkflow),
      facts: Object.fromEntries(story.map(({ type, shape }) => [type, schema(shape)])),
    });
  });
}
