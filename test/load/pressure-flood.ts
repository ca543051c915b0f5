/** A flood of submissions over HTTP: as many as can be sent at once, and what was answered to each. */
import { Agent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

export type Flood = {
  /** The runs that were accepted. */
  readonly accepted: ReadonlySet<string>;
  /** How often it was said that there are too many. */
  readonly turnedAway: number;
  /** What was said that should not have been. */
  readonly strange: readonly string[];
};

type Answer = { readonly status: number; readonly retryAfter: string | undefined; readonly text: string };

/** In seconds, of which there are whole ones only: the other form of the header is a date. @returns undefined for what is no wait */
export const secondsIn = (retryAfter: string | null | undefined): number | undefined =>
  /^[1-9]\d*$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined;

/** Sends `count` submissions over so many connections. Whoever is turned away comes again, when they were asked to and not before. */
export async function flood(
  api: string,
  count: number,
  connections: number,
  body: (n: number) => object,
  onTurnedAway: () => void = () => {},
): Promise<Flood> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const accepted = new Set<string>();
  const strange: string[] = [];
  let turnedAway = 0;
  let next = 0;
  const one = async (text: string): Promise<void> => {
    for (;;) {
      const answer = await post(api, agent, text);
      if (answer.status === 201) return void accepted.add((JSON.parse(answer.text) as { id: string }).id);
      const seconds = secondsIn(answer.retryAfter);
      if (answer.status !== 429 || seconds === undefined)
        return void strange.push(`${answer.status} ${answer.retryAfter} ${answer.text.slice(0, 300)}`);
      turnedAway += 1;
      onTurnedAway();
      await wait(seconds * 1000);
    }
  };
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (next < count) await one(JSON.stringify(body(next++)));
    }),
  );
  agent.destroy();
  return { accepted, turnedAway, strange };
}

function post(api: string, agent: Agent, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(`${api}/v1/runs`, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], text: Buffer.concat(chunks).toString() }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
