/** Where an archive stands: a place for files that are written whole, once, and read back. A folder is one, a bucket of the Object Store another. */
import { hash } from 'node:crypto';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { type ObjectStore, Objm } from '@nats-io/obj';
import type { NatsConnection } from 'nats';
import { reelStream } from '../jetstream/names.ts';

export type ArchiveStore = {
  /** How people are told where it is. */
  readonly place: string;
  /** Undefined when there is no such place: it is made by the first thing that is written to it. */
  names(): Promise<string[] | undefined>;
  read(name: string): Promise<Buffer>;
  /** Writes a file; until it is complete there is none of this name. */
  write(name: string, content: Buffer): Promise<void>;
  /** The same for a name that must be new. @throws when somebody else has written it meanwhile. */
  writeOnce(name: string, content: Buffer): Promise<void>;
};

/** What a bucket may be called, in a regular expression and in words; the broker takes names of streams up to 255 characters. */
export const BUCKET_NAME = { grammar: /^[A-Za-z0-9_-]{1,251}$/, inWords: '1 to 251 of A-Z a-z 0-9 _ -' };

/** A bucket of the Object Store. @param connection one that may administrate streams: the provisioner's. @param bucket of BUCKET_NAME. */
export function bucketArchiveStore(connection: NatsConnection, bucket: string): ArchiveStore {
  const buckets = new Objm(connection);
  const managing = jetstreamManager(connection, { checkAPI: false });
  let store: ObjectStore | undefined;
  const found = async (): Promise<ObjectStore | undefined> => (store ??= await buckets.open(bucket).catch(unlessAbsent));
  // What ages out of the log is kept here alone, so it is kept as often as the log is.
  const made = async (): Promise<ObjectStore> => {
    const known = await found();
    if (known !== undefined) return known;
    const { num_replicas: replicas } = (await (await managing).streams.info(reelStream(0))).config;
    return (store = await buckets.create(bucket, { description: 'Reel: runs that are over', replicas }));
  };
  return {
    place: `nats-object-store:${bucket}`,
    names: async () => {
      if ((await found()) === undefined) return undefined;
      const described = `$O.${bucket}.M.`;
      const { state } = await (await managing).streams.info(`OBJ_${bucket}`, { subjects_filter: `${described}>` });
      return Object.keys(state.subjects ?? {}).map((subject) => Buffer.from(subject.slice(described.length), 'base64url').toString());
    },
    read: async (name) => {
      const info = await (await found())?.info(name);
      if (info === null || info === undefined || info.deleted) throw new Error(`the bucket ${bucket} has no ${name}`);
      const content = await read(await managing, `OBJ_${bucket}`, `$O.${bucket}.C.${info.nuid}`, info.chunks);
      if (info.digest !== digestOf(content)) throw new Error(`${name} in the bucket ${bucket} is not what was written there`);
      return content;
    },
    // What is complete becomes visible with its description, which comes last.
    write: async (name, content) => void (await (await made()).putBlob({ name }, content)),
    writeOnce: async (name, content) => {
      await (await made()).putBlob({ name }, content, { previousRevision: 0 }).catch((error: Error) => {
        throw new Error(`${name} cannot be written to the bucket ${bucket}; is somebody else archiving to it? ${error.message}`);
      });
    },
  };
}

/** How many pieces of a file, of 128 KiB each, are asked for at a time. */
const BATCH = 64;

/**
 * A file by its pieces, read directly, as the names are: the client makes a consumer for each list and each file, which stays for minutes,
 * and a stream takes a thousand.
 */
async function read(manager: JetStreamManager, stream: string, subject: string, chunks: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for (let seq = 1, before = -1; pieces.length < chunks && pieces.length > before; ) {
    before = pieces.length;
    for await (const message of await manager.direct.getBatch(stream, { seq, next_by_subj: subject, batch: BATCH })) {
      pieces.push(message.data);
      seq = message.seq + 1;
    }
  }
  return Buffer.concat(pieces);
}

/** As the Object Store has it (ADR-20). */
const digestOf = (content: Buffer): string => `SHA-256=${hash('sha256', content, 'base64url').padEnd(44, '=')}`;

/** The client tells what is not there from what went wrong by these words alone. */
function unlessAbsent(error: Error): undefined {
  if (error.message !== 'object store not found') throw error;
}
