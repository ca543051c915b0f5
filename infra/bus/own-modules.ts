/**
 * Services, performers and tools of somebody's own may lie in any folder: what they import of Reel, and zod, is found all the same, and is
 * the copy that serves them. What their own folder has goes first.
 */
import { registerHooks } from 'node:module';

const LENT = /^(@reel\/|zod(\/|$))/;
const lenders = new Set<string>();

/** From now on modules anywhere in this process find what a module at this URL would find of Reel. */
export function lendModules(from: string): void {
  if (lenders.size === 0)
    registerHooks({
      resolve(specifier, context, next) {
        try {
          return next(specifier, context);
        } catch (error) {
          if (!LENT.test(specifier)) throw error;
          for (const lender of lenders) {
            try {
              return next(specifier, { ...context, parentURL: lender });
            } catch {
              // Another may have it.
            }
          }
          throw error;
        }
      },
    });
  lenders.add(from);
}
