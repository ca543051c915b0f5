/** Where an archive stands: a place for files that are written whole, once, and read back. A folder is one, a bucket of the Object Store another. */
import { Objm } from '@nats-io/obj';
import type { NatsConnection } from 'nats';

export type Shelf = {
  /** How people are told where it is. */
  readonly place: string;
  names(): Promise<string[]>;
  read(name: string): Promise<Buffer>;
  /** Writes a file; until it is complete there is none of this name. */
  write(name: string, content: Buffer): Promise<void>;
  /** The same for a name that must be new. @throws when somebody else has written it meanwhile. */
  writeOnce(name: string, content: Buffer): Promise<void>;
  close(): Promise<void>;
};

/** A bucket of the Object Store. It is made when it is not there. @param connection one that may administrate streams: the provisioner's. */
export async function openObjectStore(connection: NatsConnection, bucket: string): Promise<Shelf> {
  const store = await new Objm(connection).create(bucket, { description: 'Reel: runs that are over' });
  return {
    place: `nats-object-store:${bucket}`,
    names: async () => (await store.list()).map(({ name }) => name),
    read: async (name) => {
      const bytes = await store.getBlob(name);
      if (bytes === null) throw new Error(`the bucket ${bucket} has no ${name}`);
      return Buffer.from(bytes);
    },
    // What is complete becomes visible with its description, which comes last.
    write: async (name, content) => void (await store.putBlob({ name }, content)),
    writeOnce: async (name, content) => {
      await store.putBlob({ name }, content, { previousRevision: 0 }).catch((error: Error) => {
        throw new Error(`${name} cannot be written to the bucket ${bucket}; is somebody else archiving to it? ${error.message}`);
      });
    },
    close: () => connection.close(),
  };
}
