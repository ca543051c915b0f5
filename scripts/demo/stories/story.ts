/** What a story of the demo is: words, what is asked for, who answers what is asked, and what has to come of it. */
import type { Json } from '@reel/contracts/envelope.ts';
import type { Run } from '@reel/gateway/shapes.ts';
import type { Stage } from '../stage.ts';

/** The body of `POST /v1/runs`. */
export type Submission = {
  readonly requestedBy: string;
  readonly input?: Json;
  readonly workflow?: string;
  readonly goal?: {
    readonly text: string;
    readonly rubric?: string;
    readonly answer?: { readonly schema?: { [key: string]: Json }; readonly assert?: string[] };
  };
};

export type Story = {
  readonly title: string;
  /** What happens, before it does. */
  readonly words: string;
  readonly submission: Submission;
  /** Who answers what is held. */
  readonly who: string;
  /** What they fill in, by step; of what is not named here, the first of every choice. */
  readonly answers?: { readonly [step: string]: Json };
  /** What happens to Reel meanwhile. */
  readonly meanwhile?: (stage: Stage, print: (text: string) => void) => Promise<void>;
  /** What it left in the world, in lines. @throws AssertionError when that is not what was told. */
  readonly end: (run: Run, stage: Stage) => string[];
};
