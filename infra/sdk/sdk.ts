/** `@reel/sdk`: everything that services, performers and tools of your own import. README.md beside it says what each name is. */

export { defineTool, type InProcessTool, type ToolContext } from '@reel/bus/define-tool.ts';
export { type Entry, type History, type Invalid, isInvalid } from '@reel/bus/history.ts';
export { keepSecret } from '@reel/bus/runtime/secrets.ts';
export {
  type Answers,
  type ApprovedCall,
  type CallContext,
  definePerformer,
  defineService,
  Failure,
  Fatal,
  type Handler,
  InDoubt,
  type Logger,
  type Offers,
  type Opened,
  type Performer,
  type Service,
  type ServiceContext,
  SWEEP,
  type Timer,
  type TimerFired,
  timer,
  Unsent,
} from '@reel/bus/service.ts';
export { answerRevision, type Parts, type Place, parseAddress, planRevision, theRun, undoneBy, undoOf } from '@reel/contracts/address.ts';
export { type Draft, type Event, type FactDefinition, fact, Json, JsonSchema, Problem } from '@reel/contracts/envelope.ts';
export type { ModelDefinition, Usage } from '@reel/contracts/model.ts';
export type { EventOf, FactType } from '@reel/contracts/story.ts';
export type { Effect, ToolDefinition } from '@reel/contracts/tool.ts';
export { z } from 'zod';
