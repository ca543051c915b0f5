/** Where an archive stands: a place for files that are written whole, once, and read back. A folder is one, a bucket of the Object Store another. */
import { type ObjectStore, Objm } from '@nats-io/obj';
import type { NatsConnection } from 'nats';

export type Shelf = {
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
export function bucketShelf(connection: NatsConnection, bucket: string): Shelf {
  const buckets = new Objm(connection);
  let store: ObjectStore | undefined;
  const found = async (): Promise<ObjectStore | undefined> => (store ??= await buckets.open(bucket).catch(unlessAbsent));
  const made = async (): Promise<ObjectStore> =>
    (await found()) ?? (store = await buckets.create(bucket, { description: 'Reel: runs that are over' }));
  return {
    place: `nats-object-store:${bucket}`,
    names: async () => (await (await found())?.list())?.map(({ name }) => name),
    read: async (name) => {
      const bytes = await (await found())?.getBlob(name);
      if (bytes === null || bytes === undefined) throw new Error(`the bucket ${bucket} has no ${name}`);
      return Buffer.from(bytes);
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

/** The client tells what is not there from what went wrong by these words alone. */
function unlessAbsent(error: Error): undefined {
  if (error.message !== 'object store not found') throw error;
}
