/** A service as the component that it is, for those who list what is there. */
import { readFileSync } from 'node:fs';
import type { Component } from '../component.ts';
import type { AnyService } from '../service.ts';
import { heard, spoken } from './perform.ts';

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
    hears: performs ? heard.map(({ type }) => type) : shape === 'door' ? [] : Object.keys(service.on),
    says: (performs ? spoken : service.says).map(({ type }) => type),
    offers: {},
  };
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
