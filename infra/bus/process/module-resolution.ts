/**
 * Services, performers, tools and tests of your own may lie in any folder. What their own folder has goes first; what it lacks of Reel, and
 * zod, is found as `@reel/sdk` finds it here. Which copy a module has makes no difference: what it exports is plain, and errors are known
 * by name.
 */
import { registerHooks } from 'node:module';

const LENT = /^(@reel\/|zod(\/|$))/;
/** By its address alone: the bus knows nothing of what is built on it. */
const LENDER = new URL('../../sdk/sdk.ts', import.meta.url).href;
let isLending = false;

/** From now on modules anywhere in this process find `@reel/sdk`, also where it is not installed. */
export function resolveSdkAnywhere(): void {
  if (isLending) return;
  isLending = true;
  registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (!LENT.test(specifier)) throw error;
        try {
          return next(specifier, { ...context, parentURL: LENDER });
        } catch {
          // The module that imports it is the one to be named.
          throw error;
        }
      }
    },
  });
}
