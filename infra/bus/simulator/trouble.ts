/** Performers in the simulator: what they call is slow, hangs, or breaks off when it is done. */
import type { ApprovedCall, CallContext, Performer } from '../service.ts';
import type { Touch } from './port.ts';

/** The same performer, in trouble. */
export function inTrouble(performer: Performer<never>, touch: Touch): Performer<never> {
  return { ...performer, perform: (call, context) => performIn(performer, touch, call, context) };
}

async function performIn(
  performer: Performer<never>,
  touch: Touch,
  call: ApprovedCall,
  context: CallContext,
): ReturnType<Performer['perform']> {
  const fault = await touch.wait('performs', `${call.run}.${call.at.kind}.${call.at.id}.${call.at.n}`);
  if (fault?.what === 'hangs') return await untilGivenUp(context.signal);
  const result = await performer.perform(call, context as never);
  if (fault?.what === 'dies-after') return await touch.die();
  if (fault?.what === 'hangs-after') return await untilGivenUp(context.signal);
  if (fault?.what === 'breaks-after') throw new Error('the line went dead');
  return result;
}

const untilGivenUp = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
