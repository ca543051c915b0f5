/** `node --import …/lend.ts`: modules of your own, tests among them, find what they import of Reel where it is not installed. */
import { resolveModulesFrom } from './module-resolution.ts';

resolveModulesFrom();
