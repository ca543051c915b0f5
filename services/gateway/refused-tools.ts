/** The tools that cannot be offered, by server and name; each executor reports its own. */
import type { Component, RefusedTool } from '@reel/bus/component.ts';

export function refusedTools(components: readonly Component[]): RefusedTool[] {
  const all = components.flatMap(({ offers }) => offers.refused ?? []);
  const byName = new Map(all.map((one) => [`${one.server} ${one.tool}`, one]));
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}
