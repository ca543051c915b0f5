/** `node --import …/lend.ts`: modules of one's own, tests among them, find what they import of Reel. */
import { lendModules } from './own-modules.ts';

lendModules(import.meta.url);
lendModules(import.meta.resolve('@reel/contracts/envelope.ts'));
