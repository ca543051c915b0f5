/** Who is there, as a table: one row for each service, however many instances of it there are. Pure. */
import type { ComponentList } from '@reel/gateway/shapes.ts';

type Component = ComponentList['components'][number];

export const HEADINGS = ['NAME', 'DOES', 'INSTANCES', 'SINCE', 'VERSION', 'OFFERS'];

/** The rows under HEADINGS. `when` writes a time; it is that of the oldest instance. */
export function componentRows(components: readonly Component[], when: (time: string) => string): string[][] {
  const byName = Map.groupBy(components, ({ name }) => name);
  return [...byName].map(([name, instances]) => {
    const [{ shape, kind }] = instances as [Component];
    const since = instances.map(({ startedAt }) => startedAt).sort()[0] ?? '';
    const versions = [...new Set(instances.map(({ version }) => version))];
    return [
      name,
      kind === undefined ? shape : `performs ${kind}`,
      `${instances.length}`,
      when(since),
      versions.join(', '),
      offersOf(instances),
    ];
  });
}

/** `12 tools`, `models gpt-x, scripted (scripted)`: of all instances together. */
function offersOf(instances: readonly Component[]): string {
  const told = instances.flatMap(({ offers }) => offers.tools ?? []);
  const models = instances.flatMap(({ offers }) => offers.models ?? []);
  const tools = new Set(told).size;
  const names = new Set(models.map(({ name, scripted }) => (scripted ? `${name} (scripted)` : name)));
  return [
    ...(instances.some(({ offers }) => offers.tools !== undefined) ? [`${tools} ${tools === 1 ? 'tool' : 'tools'}`] : []),
    ...(names.size === 0 ? [] : [`${names.size === 1 ? 'model' : 'models'} ${[...names].join(', ')}`]),
  ].join(', ');
}
