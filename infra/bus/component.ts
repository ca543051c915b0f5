/** A running service, as it announces itself. */
import { ModelDefinition } from '@reel/contracts/model.ts';
import { z } from 'zod';

/** A tool, or an operation of an API, that cannot be offered. */
export const RefusedTool = z.object({ server: z.string(), tool: z.string(), why: z.string() }).meta({ id: 'RefusedTool' });
export type RefusedTool = z.infer<typeof RefusedTool>;

/** One instance of a service. */
export const Component = z
  .object({
    name: z.string(),
    shape: z.enum(['service', 'performer', 'edge']),
    /** The kind of step that it performs. */
    kind: z.string().optional(),
    /** Which instance of the service. */
    instance: z.string(),
    pid: z.int(),
    startedAt: z.iso.datetime(),
    /** The version of Reel that it runs. */
    version: z.string(),
    /** The types of the facts that it handles, and of those that it publishes. */
    subscribes: z.array(z.string()),
    publishes: z.array(z.string()),
    /** What it offers now. Without `tools`, it has not announced any yet. */
    offers: z.object({
      tools: z.array(z.string()).optional(),
      refused: z.array(RefusedTool).optional(),
      models: z.array(ModelDefinition).optional(),
    }),
  })
  .meta({ id: 'Component' });
export type Component = z.infer<typeof Component>;

/** The announcement on the wire. `leaving`: the service is stopping and takes no new work. */
export const Announcement = Component.extend({ leaving: z.literal(true).optional() });
export type Announcement = z.infer<typeof Announcement>;
