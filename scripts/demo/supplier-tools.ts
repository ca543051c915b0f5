/** The demo's records of suppliers, as tools in the executor's own process: one for each side from which a supplier can be looked at. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineTool, type InProcessTool } from '@reel/bus/define-tool.ts';
import { Failure } from '@reel/bus/service.ts';
import { parse } from 'yaml';
import { z } from 'zod';

const source = z.string();
const ratio = z.number().min(0).max(1);
const count = z.int().min(0);

/** What is known from each side. */
const sides = {
  procurement: z.object({ source, shareOfDemand: ratio, otherSuppliers: count, openOrders: count }),
  finance: z.object({ source, equityRatio: ratio, yearsOfLoss: count, paysLateByDays: count }),
  geopolitics: z.object({ source, country: z.string(), stability: ratio, sanctioned: z.boolean(), exportLicence: z.boolean() }),
  shipping: z.object({ source, onTime: ratio, deliveries: count, routes: count }),
};
const records = z.record(z.string(), z.object(sides)).parse(parse(readFileSync(join(import.meta.dirname, 'suppliers.yaml'), 'utf8')));

/** `procurement_record`, `finance_record`, `geopolitics_record`, `shipping_record`. */
export const tools: InProcessTool[] = Object.entries(sides).map(([side, output]) =>
  defineTool({
    name: `${side}_record`,
    description: `What is on record about a supplier as regards ${side}, and by which source.`,
    effect: 'read-only',
    input: z.object({ supplier: z.string().min(1) }),
    output,
    run: ({ supplier }) => {
      const record = records[supplier.toLowerCase()];
      if (record !== undefined) return record[side as keyof typeof sides];
      const known = Object.keys(records).join(', ');
      throw new Failure({ code: 'no-such-supplier', message: `nothing is on record about "${supplier}", only ${known}`, retryable: false });
    },
  }),
);
