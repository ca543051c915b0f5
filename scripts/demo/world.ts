/** The demo's world as a function: hotels, transfers and payments, where an effect happens once for each idempotency key. */
import { canonical } from '@reel/bus/runtime/digest.ts';
import { Refusal, type World } from './world-state.ts';
import { tools } from './world-tools.ts';

/** One call. Without a key, an effect happens every time. */
export type WorldCall = { readonly tool: string; readonly arguments: unknown; readonly key?: string | undefined };

/** What came of it. An error means that nothing was done, and never will be by asking again. */
export type Outcome = { readonly state: World } & (
  | { readonly result: Record<string, unknown> }
  | { readonly error: { readonly code: string; readonly message: string } }
);

/** The world after a call. The one before is left as it is. */
export function act(before: World, call: WorldCall): Outcome {
  const state = structuredClone(before);
  try {
    return { state, result: carryOut(state, call) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { state: before, error: { code: error.code, message: error.message } };
  }
}

function carryOut(world: World, { tool: name, arguments: given, key }: WorldCall): Record<string, unknown> {
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
  if (tool === undefined) throw new Refusal('no-such-tool', `there is no tool "${name}"; there are ${Object.keys(tools).join(', ')}`);
  const known = key === undefined ? undefined : world.ledger[key];
  if (known !== undefined) {
    if (known.tool !== name || canonical(known.arguments) !== canonical(given)) {
      throw new Refusal('key-reused', `the key "${key}" belongs to another call of ${known.tool}: a key is for one effect only`);
    }
    known.calls += 1;
    return known.result;
  }
  const parsed = tool.input.safeParse(given);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `/${path.join('/')}: ${message}`);
    throw new Refusal('invalid-arguments', `${name}: ${wrong.join('; ')}`);
  }
  const result = tool.run(world, parsed.data as never);
  if (key !== undefined && tool.effect !== 'read-only') {
    world.ledger[key] = { tool: name, arguments: given, calls: 1, effects: 1, result };
  }
  return result;
}
