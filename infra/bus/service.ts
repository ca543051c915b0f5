/** The shape of a service: one inert object that names the facts it handles and the facts it publishes. Importing it starts nothing. */

import { isStepKind, type Place } from '@reel/contracts/address.ts';
import type { Draft, FactDefinition, Json, JsonSchema, Problem } from '@reel/contracts/envelope.ts';
import type { ModelDefinition, Usage } from '@reel/contracts/model.ts';
import type { EventOf, FactType } from '@reel/contracts/story.ts';
import type { Effect, ToolDefinition } from '@reel/contracts/tool.ts';
import type { RefusedTool } from './component.ts';
import type { Edge } from './edge.ts';
import type { History } from './history.ts';

/** A timer of a run: it fires at `atMs` (ms since the epoch). Setting it again under the same name replaces it. */
export type Timer = { readonly timer: string; readonly atMs: number };

/** A timer of this service fired for a run. It may fire twice, and when nothing is due any more. */
export type TimerFired = { readonly name: string; readonly shard: number; readonly run: string; readonly time: number };

/**
 * A timer of this name fires for every open run at this interval, in each process of a service that handles timers. It needs no message
 * that could be lost, so what a timer was set for happens by then.
 */
export const SWEEP = { name: 'sweep', everyMs: 30_000 } as const;

/** The answer of a handler: facts and timers, published in this order. `[]` publishes nothing. */
export type Answers = readonly (Draft | Timer)[];

export type Handler<Heard, Deps> = (event: Heard, context: Deps & { readonly history: History }) => Answers | Promise<Answers>;

type Handlers<Deps> = { readonly [Type in FactType]?: Handler<EventOf<Type>, Deps> } & {
  readonly 'timer.fired'?: Handler<TimerFired, Deps>;
};

/** Real I/O, opened when the service starts and closed when it stops. */
export type Opened<Deps> = { readonly deps: Deps; readonly close?: () => Promise<void> | void };

/** What a service opens its dependencies with. */
export type ServiceContext = {
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** The registry bucket of this service; only the tool-executor has one. */
  readonly registry?: Registry;
  /** Announces what this process offers, until the next call. */
  readonly offer: (offers: Offers) => void;
};

/** What a performer offers: models, and the names of tools whose definitions are in the registry. */
export type Offers = {
  readonly tools?: readonly string[];
  /** Tools of a server that cannot be offered, and why. */
  readonly refused?: readonly RefusedTool[];
  readonly models?: readonly ModelDefinition[];
};

/** The part of pino that services use. */
export type Logger = { [Level in 'debug' | 'info' | 'warn' | 'error']: (fields: object, message: string) => void };

/** A key-value bucket that only this service writes. */
export type Registry = { put(key: string, value: Json): Promise<void>; remove(key: string): Promise<void> };

/** A subscriber. It handles every fact named in `on`, and answers with facts named in `publishes`. */
export type Service<Deps = unknown> = {
  readonly shape: 'service';
  /** One name for folder, file, process, durable and NATS user. A renamed service gets every fact again. */
  readonly name: string;
  readonly publishes: readonly FactDefinition[];
  readonly on: Handlers<Deps>;
  readonly deps?: (context: ServiceContext) => Promise<Opened<Deps>>;
  /** The URL of the module that exports it. Another process can load it again from there. */
  readonly module?: string;
};

/** A service that acts: it performs the approved steps of one kind, and their undos. */
export type Performer<Deps = unknown> = {
  readonly shape: 'performer';
  readonly name: string;
  readonly kind: string;
  /** The most calls at a time in one process. */
  readonly concurrency: number;
  readonly registry: boolean;
  readonly deps?: (context: ServiceContext) => Promise<Opened<Deps>>;
  /** The URL of the module that exports it. */
  readonly module?: string;
  readonly perform: (call: ApprovedCall, context: Deps & CallContext) => Promise<Json>;
};

/** The approved call, exactly as it was judged. */
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
  /** The question or instructions, and the schema that the result must meet. */
  readonly prompt?: string | undefined;
  readonly output?: JsonSchema | undefined;
  /** What a person filled in when they granted it. */
  readonly form?: Json | undefined;
};

export type CallContext = {
  /** Aborts when the call times out, its run is closing or cancelled, or the process stops. */
  readonly signal: AbortSignal;
  /** The idempotency key: the same for every attempt at one effect. Pass it on to the system that is called. */
  readonly key: string;
  readonly traceparent?: string | undefined;
  /** Records what the call cost so far. It is published with the outcome, success or not. */
  readonly used: (usage: Usage) => void;
  /** Streams a piece of the result to those who watch the run. It is not stored. */
  readonly show: (text: string) => void;
  readonly log: Logger;
};

/** A service that connects the outside with the log: it publishes and reads through an `Edge`. */
export type EdgeService = {
  readonly shape: 'edge';
  readonly name: string;
  readonly publishes: readonly FactDefinition[];
  /** The URL of the module that exports it. */
  readonly module?: string;
  /** Starts serving. @returns its URL, and how to stop it. */
  readonly open: (edge: Edge, context: ServiceContext) => Promise<{ readonly url: string; close(): Promise<void> }>;
};

export type AnyService = Service<never> | Performer<never> | EdgeService;

/** Declares a subscriber. */
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
 * Makes `instanceof` true for errors of this class from every copy of this file: a module may have its own copy of `@reel/sdk`. Subclasses
 * behave as usual.
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

/** Thrown by a handler: trying again cannot help. The bus publishes the fault at once. */
export class Fatal extends Error {
  static {
    knownByName(Fatal, 'fatal');
  }
}

/** Thrown by a performer: the call was not done and had no effect. After any other error its effect is unknown. */
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

/** Thrown by a performer: this attempt was never sent. Unlike a Failure it says nothing about an earlier attempt under the same key. */
export class Unsent extends Failure {
  static {
    knownByName(Unsent, 'unsent');
  }
}

/** Thrown by a performer: the call may have been done, and its answer is lost for good. Asking again would lose it again. */
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
