/** What there is right now to carry out a run with. */
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';

export type Capabilities = {
  readonly tools: ReadonlyMap<string, ToolDefinition>;
  /** Those of them, and those that nobody offers right now. */
  readonly registered: ReadonlyMap<string, ToolDefinition>;
  /** The kinds of step that somebody performs. */
  readonly kinds: ReadonlySet<string>;
  readonly models: readonly ModelDefinition[];
  /** Why tools that servers have cannot be called, by their names. */
  readonly refused: ReadonlyMap<string, string>;
};

/** What services of Reel's own perform. If nobody does right now, they are away, and what they offer is not known. */
export const BUILT_IN: { readonly [kind: string]: string } = { tool: 'tool-executor', model: 'model-executor', person: 'human-executor' };

/** Those of them that are away. */
export const unavailable = (kinds: ReadonlySet<string>): string[] =>
  Object.entries(BUILT_IN).flatMap(([kind, service]) => (kinds.has(kind) ? [] : [service]));
