/** A service that is there, as it describes itself. */
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
    /** Which one of several under this name. */
    instance: z.string(),
    pid: z.int(),
    startedAt: z.iso.datetime(),
    /** Of Reel, as the service has it. */
    version: z.string(),
    /** The types of the facts that it hears, and of those that it may say. */
    subscribes: z.array(z.string()),
    publishes: z.array(z.string()),
    /** What it has on offer now; without `tools`, it has not told (yet) which. */
    offers: z.object({
      tools: z.array(z.string()).optional(),
      refused: z.array(RefusedTool).optional(),
      models: z.array(ModelDefinition).optional(),
    }),
  })
  .meta({ id: 'Component' });
export type Component = z.infer<typeof Component>;

/** What is said on the wire; `leaving`: it is being stopped, and takes nothing new. */
export const Announcement = Component.extend({ leaving: z.literal(true).optional() });
export type Announcement = z.infer<typeof Announcement>;
