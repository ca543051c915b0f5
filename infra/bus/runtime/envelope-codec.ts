/** Facts on the wire and back. What cannot be read becomes a void entry, never an exception: its slot is decided all the same. */
import { type About, type Address, aboutOf, addressOf, type Parts, parseAddress } from '@reel/contracts/address.ts';
import { type Draft, Envelope } from '@reel/contracts/envelope.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { z } from 'zod';
import type { Entry } from '../history.ts';
import { Fatal } from '../service.ts';
import { readJson } from './json.ts';
import { isTooLarge, MAX_BYTES } from './large-values.ts';

/** The fact that a draft becomes. @throws Fatal when its data are not what its definition says, naming the field. */
export function encode(
  draft: Draft,
  parts: Parts,
  source: string,
  cause: Address | undefined,
  traceparent: string | undefined,
  nowMs: number,
): Envelope {
  const definition = definitionOf(draft.type);
  const parsed = definition?.strict.safeParse(draft.data);
  if (parsed?.success === false) throw new Fatal(`${source} said ${draft.type} wrongly: ${z.prettifyError(parsed.error)}`);
  const id = addressOf(parts);
  return {
    specversion: '1.0',
    id,
    source,
    type: draft.type,
    time: new Date(nowMs).toISOString(),
    runid: parts.run,
    causationid: cause ?? id,
    ...(traceparent === undefined ? {} : { traceparent }),
    data: (parsed?.data ?? draft.data) as Record<string, unknown>,
  };
}

/** As services write facts; anybody else may write them in another order. */
const FORM = /^\{"specversion":"1\.0","id":"[^"\\]*","source":"[^"\\]*","type":"([a-z.-]+)"/;

/** The type of a fact, without parsing it; undefined where that would take more than a glance. What is read is of this type, or void. */
export const peek = (body: string): string | undefined => FORM.exec(body)?.[1];

/** The reason is shown to people, and a part of it may be written by an attacker. */
const SHOWN = 300;

/**
 * The entry that a stored message is. @returns undefined when its subject is no address, which the streams do not accept.
 * @param suspicious why the message itself, whatever it says, cannot be one of ours: it carries headers that only a broker sets.
 */
export function decode(subject: string, body: string, seq: number, time: number, suspicious?: string): Entry | undefined {
  const at = parseAddress(subject);
  if (at === undefined) return undefined;
  const nothing = (why: string): Entry => ({ address: subject, at, seq, time, invalid: cut(why) });
  if (suspicious !== undefined) return nothing(suspicious);
  let json: unknown;
  try {
    json = readJson(body);
  } catch (error) {
    return nothing(`not JSON that can be read: ${(error as Error).message}`);
  }
  const envelope = Envelope.safeParse(json);
  if (!envelope.success) return nothing(`not a CloudEvent: ${firstIssue(envelope.error)}`);
  const { id, source, type, causationid, traceparent, runid, data, blobs } = envelope.data;
  if (id !== subject || runid !== at.run) return nothing(`it says that it belongs at ${id}`);
  // A reference is not the value that it stands for, though it may have the shape of one.
  if (blobs) return nothing(`data.${blobs}: the value that stands beside it cannot be read`);
  if ((peek(body) ?? type) !== type) return nothing('it says twice what it is');
  if (body.length > MAX_BYTES && isTooLarge(data)) return nothing(`its data have more than ${MAX_BYTES} bytes`);
  const told = { address: subject, at, type, seq, time, source, cause: causationid, traceparent };
  const definition = definitionOf(type);
  if (definition === undefined) return strange(type, at) ? nothing(`${type} does not belong here`) : { ...told, data };
  if (definition.about !== aboutOf(at.kind) || definition.slot !== at.slot) return nothing(`${type} does not belong here`);
  const parsed = definition.shape.safeParse(data);
  return parsed.success ? { ...told, data: parsed.data } : nothing(`${type}: ${firstIssue(parsed.error)}`);
}

/** A type we do not know may come from a later version or a user's own service, as long as it names the place where it stands. */
function strange(type: string, at: Parts): boolean {
  const [about, slot, answer] = type.split('.');
  return (about as About) !== aboutOf(at.kind) || slot !== at.slot || !answer;
}

const cut = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text);

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return `${issue?.path.join('.') || 'the whole'}: ${issue?.message}`;
}
