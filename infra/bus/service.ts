/** The shape of a service: one inert object that says what it hears and what it may say. Importing it starts nothing. */

import { isStepKind, type Place } from '@reel/contracts/address.ts';
import type { Draft, FactDefinition, Json, JsonSchema, Problem } from '@reel/contracts/envelope.ts';
import type { ModelDefinition, Usage } from '@reel/contracts/model.ts';
import type { EventOf, FactType } from '@reel/contracts/story.ts';
import type { Effect, ToolDefinition } from '@reel/contracts/tool.ts';
import type { RefusedTool } from './component.ts';
import type { Edge } from './edge.ts';
import type { History } from './history.ts';

/** Asks the clock to ring for this run at `atMs` (ms since the epoch). Asking again under the same name replaces the earlier request. */
export type Timer = { readonly timer: string; readonly atMs: number };

/** The clock rang for this run, at this service that had asked for it. It may ring twice, and when nothing is due any more. */
export type TimerFired = { readonly name: string; readonly shard: number; readonly run: string; readonly time: number };

/**
 * Every open run is rung for under this name so often, by each process of a service that hears the clock, with no message that could be
 * lost. What a timer was set for is done then at the latest.
 */
export const SWEEP = { name: 'sweep', everyMs: 30_000 } as const;

/** What a handler answers: facts and alarms, said in this order; `[]` when there is nothing to say. */
export type Answers = readonly (Draft | Timer)[];

export type Handler<Heard, Deps> = (event: Heard, context: Deps & { readonly history: History }) => Answers | Promise<Answers>;

type Handlers<Deps> = { readonly [Type in FactType]?: Handler<EventOf<Type>, Deps> } & {
  readonly 'timer.fired'?: Handler<TimerFired, Deps>;
};

/** Real I/O, opened when the service starts and closed when it stops. */
export type Opened<Deps> = { readonly deps: Deps; readonly close?: () => Promise<void> | void };

/** What a service is given to open its dependencies with. */
export type ServiceContext = {
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** The registry bucket of this service; only the tool-executor has one. */
  readonly registry?: Registry;
  /** Tells what this process has on offer, from now until it tells anew. */
  readonly offer: (offers: Offers) => void;
};

/** What a performer has on offer: the names of tools whose definitions are in the registry, and models. */
export type Offers = {
  readonly tools?: readonly string[];
  /** Tools that a server has and that cannot be offered, and why. */
  readonly refused?: readonly RefusedTool[];
  readonly models?: readonly ModelDefinition[];
};

/** As much of pino as services use. */
export type Logger = { [Level in 'debug' | 'info' | 'warn' | 'error']: (fields: object, message: string) => void };

/** A key-value bucket that this service alone writes. */
export type Registry = { put(key: string, value: Json): Promise<void>; remove(key: string): Promise<void> };

/** A service that listens. It hears every fact named in `on` and answers with facts named in `says`. */
export type Service<Deps = unknown> = {
  readonly shape: 'service';
  /** Folder, file, process, durable, NATS user: one word for all. Renaming it makes it hear everything again. */
  readonly name: string;
  readonly publishes: readonly FactDefinition[];
  readonly on: Handlers<Deps>;
  readonly deps?: (surroundings: ServiceContext) => Promise<Opened<Deps>>;
  /** The URL of the module whose default export it is, where it was loaded from one: it can be loaded again in another process. */
  readonly module?: string;
};

/** A service that acts: it performs the approved steps of one kind, and their undos. */
export type Performer<Deps = unknown> = {
  readonly shape: 'performer';
  readonly name: string;
  readonly kind: string;
  /** How many calls at a time in one process. */
  readonly concurrency: number;
  readonly registry: boolean;
  readonly deps?: (surroundings: ServiceContext) => Promise<Opened<Deps>>;
  /** The URL of its module, as a service has it. */
  readonly module?: string;
  readonly perform: (call: ApprovedCall, context: Deps & CallContext) => Promise<Json>;
};

/** The approved call: exactly what was judged. */
export type ApprovedCall = {
  readonly run: string;
  readonly at: Place;
  readonly uses: string;
  readonly arguments: { readonly [name: string]: Json };
  readonly effect: Effect;
  readonly timeoutMs: number;
  readonly definition?: string | undefined;
  /** The tool of that definition, as the run was requested with it. */
  readonly tool?: ToolDefinition | undefined;
  /** What is asked, in words, and the schema that the result has to meet. */
  readonly prompt?: string | undefined;
  readonly output?: JsonSchema | undefined;
  /** What a person filled in when they granted it. */
  readonly form?: Json | undefined;
};

export type CallContext = {
  /** Aborts when the call has timed out, or its run has turned or been cancelled, or the process is being stopped. */
  readonly signal: AbortSignal;
  /** The idempotency key: the same for every attempt at one effect. Hand it on to whatever is called. */
  readonly key: string;
  readonly traceparent?: string | undefined;
  /** Tells what the call has come to so far, to be said with its outcome, whichever that is. */
  readonly used: (usage: Usage) => void;
  /** Shows a piece of what is being made to whoever is watching. Nothing of it is kept. */
  readonly show: (text: string) => void;
  readonly log: Logger;
};

/** A service that lets the outside in: it is given a way to speak and to look. */
export type EdgeService = {
  readonly shape: 'edge';
  readonly name: string;
  readonly publishes: readonly FactDefinition[];
  /** The URL of its module, as a service has it. */
  readonly module?: string;
  /** Starts serving. @returns how to stop, and where it can be reached, for the log. */
  readonly open: (edge: Edge, surroundings: ServiceContext) => Promise<{ readonly url: string; close(): Promise<void> }>;
};

export type AnyService = Service<never> | Performer<never> | EdgeService;

/** Declares a listening service. */
export function defineService<Deps = object>(service: Omit<Service<Deps>, 'shape'>): Service<Deps> {
  return { shape: 'service', ...service };
}

/** Declares a performer. @throws when `kind` is reserved or not lower-case letters, digits and dashes. */
export function definePerformer<Deps = object>(
  performer: Omit<Performer<Deps>, 'shape' | 'concurrency' | 'registry'> & { concurrency?: number; registry?: boolean },
): Performer<Deps> {
  if (!isStepKind(performer.kind)) throw new Error(`definePerformer: kind "${performer.kind}" is reserved or not of a-z 0-9 -`);
  return { shape: 'performer', concurrency: 16, registry: false, ...performer };
}

/** Declares an edge. */
export const defineEdge = (edge: Omit<EdgeService, 'shape'>): EdgeService => ({ shape: 'edge', ...edge });

/** Asks for `timer.fired` at `atMs`. `name` is a token, unique within the run. */
export const timer = (name: string, atMs: number): Timer => ({ timer: name, atMs });

/**
 * Makes `instanceof` true for errors of this class in every copy of this file: a module may bring one along, with its own `@reel/sdk`.
 * Subclasses are told apart as usual.
 */
function knownByName(made: abstract new (...args: never) => Error, name: string): void {
  const mark = Symbol.for(`reel.error.${name}`);
  const byClass = Function.prototype[Symbol.hasInstance];
  Object.defineProperty(made.prototype, mark, { value: true });
  Object.defineProperty(made, Symbol.hasInstance, {
    value(this: unknown, error: unknown): boolean {
      return this === made ? typeof error === 'object' && error !== null && mark in error : byClass.call(this as () => void, error);
    },
  });
}

/** Thrown by a handler: trying again cannot help. The bus says the fault at once. */
export class Fatal extends Error {
  static {
    knownByName(Fatal, 'fatal');
  }
}

/** Thrown by a performer: it was not done, and it had no effect. Anything else that is thrown leaves open whether it had one. */
export class Failure extends Error {
  static {
    knownByName(Failure, 'failure');
  }
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Thrown by a performer: this attempt reached nobody. Unlike a Failure it says nothing about an earlier attempt under the same key. */
export class Unsent extends Failure {
  static {
    knownByName(Unsent, 'unsent');
  }
}

/** Thrown by a performer: it may have been done, its answer is lost for good, and asking again would lose it again. */
export class InDoubt extends Error {
  static {
    knownByName(InDoubt, 'in-doubt');
  }
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}
