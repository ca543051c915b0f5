/** Workflows as people write them: YAML or JSON text, read with the place of everything, so that what is wrong can be pointed at. */
import { type Document, isMap, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { checkWorkflow, type Finding, type Path, type Tools } from './check.ts';
import { StrictWorkflow, type Workflow } from './format.ts';

/** A finding with its place in the text; lines and columns count from 1. */
export type Placed = Finding & { readonly line?: number; readonly column?: number };

export type Read =
  | { readonly workflow: Workflow; readonly findings: readonly [] }
  | { readonly workflow?: undefined; readonly findings: readonly Placed[] };

/** Reads a workflow from YAML or JSON text (JSON is YAML) or from a parsed object, and checks it, against the tools if they are given. */
export function readWorkflow(source: string | object, tools?: Tools): Read {
  if (typeof source !== 'string') return judge(source, tools, (finding) => finding);
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines });
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  if (document.errors.length > 0) {
    return {
      findings: document.errors.map(({ message, pos }) => ({
        path: [],
        message: message.split('\n')[0]?.replace(/ at line .*$/, '') ?? message,
        ...at(pos[0]),
      })),
    };
  }
  return judge(document.toJS(), tools, (finding) => {
    const offset = offsetOf(document, finding.path);
    return offset === undefined ? finding : { ...finding, ...at(offset) };
  });
}

function judge(value: unknown, tools: Tools | undefined, place: (finding: Finding) => Placed): Read {
  const parsed = StrictWorkflow.safeParse(value);
  if (!parsed.success) {
    const findings = parsed.error.issues.flatMap((issue): Finding[] => {
      const path = issue.path as (string | number)[];
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((key) => ({ path: [...path, key], message: `there is no field "${key}" here` }));
      const given = valueAt(value, path);
      return [{ path, message: `${issue.message}${given === undefined ? '' : `, is ${JSON.stringify(given)?.slice(0, 80)}`}` }];
    });
    return { findings: findings.map(place) };
  }
  const findings = checkWorkflow(parsed.data, tools);
  return findings.length === 0 ? { workflow: parsed.data, findings: [] } : { findings: findings.map(place) };
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inside, key) => (inside === null || typeof inside !== 'object' ? undefined : (inside as { [key: string | number]: unknown })[key]),
    value,
  );
}

/** Where the key or the element stands; for something that is missing, where it should have been. */
function offsetOf(document: Document, path: Path): number | undefined {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0];
  for (const key of path) {
    const pair = isMap(node)
      ? node.items.find((item) => String((item.key as { value?: unknown } | null)?.value ?? item.key) === String(key))
      : undefined;
    const child = isSeq(node) ? (node.items[Number(key)] as Node | undefined) : (pair?.value as Node | null | undefined);
    const begin = (pair?.key as Node | undefined)?.range?.[0] ?? child?.range?.[0];
    if (begin === undefined) return offset;
    offset = begin;
    node = child ?? null;
  }
  return offset;
}

/** `steps[2].dependsOn[0]` */
export const pathText = (path: Path): string =>
  path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text === '' ? '' : '.'}${part}`), '');

/** One finding as a line: `travel.yaml:12:7 steps[2].dependsOn[0]: there is no step "serch"; did you mean "search"?` */
export const findingText = (file: string, { path, message, line, column }: Placed): string =>
  `${file}${line === undefined ? '' : `:${line}:${column}`} ${pathText(path)}${path.length > 0 ? ': ' : ''}${message}`;
