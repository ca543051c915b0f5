/** A service as the component that it is, for those who list what is there. */
import { readFileSync } from 'node:fs';
import type { Component } from '../component.ts';
import type { AnyService } from '../service.ts';
import { publishedFacts, subscribedFacts } from './perform.ts';

/** A service as a component, with nothing on offer. */
export function componentOf(service: AnyService, instance: string, startedMs: number): Component {
  const { name, shape } = service;
  const performs = shape === 'performer';
  return {
    name,
    shape,
    ...(performs ? { kind: service.kind } : {}),
    instance,
    pid: process.pid,
    startedAt: new Date(startedMs).toISOString(),
    version,
    subscribes: performs ? subscribedFacts.map(({ type }) => type) : shape === 'edge' ? [] : Object.keys(service.on),
    publishes: (performs ? publishedFacts : service.publishes).map(({ type }) => type),
    offers: {},
  };
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
