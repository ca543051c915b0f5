/** The health of a process over HTTP, for container engines: `/livez` and `/readyz`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { withoutSecretsInJson } from './runtime/secrets.ts';

export type Health = {
  /** False when only a restart helps. */
  readonly live: boolean;
  /** True while it is connected and receives facts. */
  readonly ready: boolean;
  /** Why it is not live or not ready. */
  readonly why?: string;
};

/** A trouble of the broker that an operator has to know. */
export type Ailment = {
  readonly why: string;
  /** True while facts of open runs can still be stored. New runs are refused in any case. */
  readonly stores: boolean;
};

export type HealthEndpoint = { readonly port: number; close(): Promise<void> };

/** Serves the endpoint on every interface. @param port 0 for any free one. @throws when the port is taken. */
export async function openHealth(port: number, look: () => Health): Promise<HealthEndpoint> {
  const server = createServer((request, response) => {
    const { live, ready, why } = look();
    const well = request.url === '/livez' ? live : request.url === '/readyz' ? live && ready : undefined;
    const status = well === undefined ? 404 : well ? 200 : 503;
    const body = well === undefined ? { detail: 'there are /livez and /readyz' } : { status: well ? 'ok' : 'unavailable', why };
    // An open connection must not hold up a process that stops.
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' }).end(withoutSecretsInJson(JSON.stringify(body)));
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', (error) =>
      failed(new Error(`the health endpoint cannot listen at port ${port}: ${error.message}. Set REEL_HEALTH_PORT to another port`)),
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
