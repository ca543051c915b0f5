/** Asks the service beside it whether it is alive, where there is no curl: the image's HEALTHCHECK. */
const { REEL_HEALTH_PORT: port } = process.env;
const alive = await fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(2500) }).then(
  ({ ok }) => ok,
  () => false,
);
process.exitCode = alive ? 0 : 1;
