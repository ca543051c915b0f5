/** `@reel/sdk/testing`: what tests of your own services, performers, tools and workflows need. */
export { given, told } from '@reel/bus/testing/given.ts';
export { type Placed, readWorkflow } from '@reel/contracts/workflow/source.ts';
export { callTool, evaluate, perform } from './trying.ts';
