/** The tools, models and performers that are available now. */
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';

export type Capabilities = {
  readonly tools: ReadonlyMap<string, ToolDefinition>;
  /** All known tools, including those that no service offers now. */
  readonly registered: ReadonlyMap<string, ToolDefinition>;
  /** The kinds of step that a running service performs. */
  readonly kinds: ReadonlySet<string>;
  readonly models: readonly ModelDefinition[];
  /** Why tools of the servers cannot be called, by tool name. */
  readonly refused: ReadonlyMap<string, string>;
};

/** The kinds that Reel's own services perform. While such a service is unavailable, what it offers is unknown. */
export const BUILT_IN: { readonly [kind: string]: string } = { tool: 'tool-executor', model: 'model-executor', person: 'human-executor' };

/** Reel's own performers that are unavailable. */
export const unavailable = (kinds: ReadonlySet<string>): string[] =>
  Object.entries(BUILT_IN).flatMap(([kind, service]) => (kinds.has(kind) ? [] : [service]));
