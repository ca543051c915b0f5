/** The ceiling: bare JetStream, carrying as many facts over as many hops as a workflow does, without deciding anything. */
import { AckPolicy, DiscardPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from 'nats';

/** Facts per second of `loops` chains of `hops`: publish write-once, deliver, publish the next, acknowledge. */
export async function ceiling(
  servers: string,
  loops: number,
  hops: number,
  chains: number,
): Promise<{ factsPerSecond: number; hopMs: number }> {
  const connection = await connect({ servers, noAsyncTraces: true });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: 'BARE',
    subjects: ['bare.>'],
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    discard_new_per_subject: true,
  });
  await manager.consumers.add('BARE', { durable_name: 'bare', ack_policy: AckPolicy.Explicit, max_ack_pending: 1000 });
  const messages = await (await jetstream(connection).consumers.get('BARE', 'bare')).consume({ max_messages: 200 });
  const body = JSON.stringify({ data: 'x'.repeat(700) });
  const done = new Map<string, () => void>();
  void (async () => {
    for await (const message of messages) {
      const [, chain, hop] = message.subject.split('.') as [string, string, string];
      const next = Number(hop) + 1;
      if (next >= hops) {
        message.ack();
        done.get(chain)?.();
      } else void connection.request(`bare.${chain}.${next}`, body).then(() => message.ack());
    }
  })();
  let number = 0;
  const run = async (): Promise<void> => {
    const chain = `c${number++}`;
    const end = new Promise<void>((resolve) => done.set(chain, resolve));
    await connection.request(`bare.${chain}.0`, body);
    await end;
    done.delete(chain);
  };
  for (let i = 0; i < 20; i += 1) await run();
  const alone = performance.now();
  for (let i = 0; i < 20; i += 1) await run();
  const hopMs = (performance.now() - alone) / (20 * hops);
  let left = chains;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: loops }, async () => {
      while (left-- > 0) await run();
    }),
  );
  const factsPerSecond = (chains * hops * 1000) / (performance.now() - begin);
  await connection.close();
  return { factsPerSecond, hopMs };
}
