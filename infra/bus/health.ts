/** How a process is asked whether it is well: `/livez` and `/readyz` over HTTP, for whoever starts, restarts and updates containers. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { withoutSecretsInJson } from './runtime/secrets.ts';

export type Health = {
  /** False: it will not get well by itself, and has to be started again. */
  readonly live: boolean;
  /** Whether it is connected and hears what is said. */
  readonly ready: boolean;
  /** What is the matter, where something is. */
  readonly why?: string;
};

/** What is the matter with the broker, as far as those know who look after it, or who ask it. */
export type Ailment = {
  readonly why: string;
  /** What runs under way have to say can still be stored. New runs are refused in any case. */
  readonly stores: boolean;
};

export type HealthEndpoint = { readonly port: number; close(): Promise<void> };

/** Answers on every interface: it tells nothing else. @param port 0 takes a free one. @throws when the port cannot be had. */
export async function openHealth(port: number, look: () => Health): Promise<HealthEndpoint> {
  const server = createServer((request, response) => {
    const { live, ready, why } = look();
    const well = request.url === '/livez' ? live : request.url === '/readyz' ? live && ready : undefined;
    const status = well === undefined ? 404 : well ? 200 : 503;
    const body = well === undefined ? { detail: 'there are /livez and /readyz' } : { status: well ? 'ok' : 'unavailable', why };
    // Nobody who asks may keep a stopping process waiting.
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(withoutSecretsInJson(JSON.stringify(body)));
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', (error) =>
      failed(new Error(`health cannot be told at port ${port}: ${error.message}. REEL_HEALTH_PORT names another`)),
    );
    server.listen(port, listening);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}
