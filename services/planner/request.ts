/** What a run was asked for, as the planner reads it. */
import type { EventOf } from '@reel/contracts/story.ts';

export type RunRequest = EventOf<'run.request.requested'>['data'];
