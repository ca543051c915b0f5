/** A service as a component, as lists of components show it. Pure. */
import type { Component } from '../component.ts';
import type { AnyService } from '../service.ts';
import { publishedFacts, subscribedFacts } from './perform.ts';

/** The process that serves it. */
type Instance = Pick<Component, 'instance' | 'pid' | 'startedAt' | 'version'>;

/** A service as a component, with nothing on offer. */
export function componentOf(service: AnyService, instance: Instance): Component {
  const { name, shape } = service;
  const performs = shape === 'performer';
  return {
    name,
    shape,
    ...(performs ? { kind: service.kind } : {}),
    ...instance,
    subscribes: performs ? subscribedFacts.map(({ type }) => type) : shape === 'edge' ? [] : Object.keys(service.on),
    publishes: (performs ? publishedFacts : service.publishes).map(({ type }) => type),
    offers: {},
  };
}
