/** `node --import …/lend.ts`: modules of your own, tests among them, find what they import of Reel where it is not installed. */
import { resolveSdkAnywhere } from './module-resolution.ts';

resolveSdkAnywhere();
