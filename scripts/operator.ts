/** The log of an installation, read as its operator: by its folder, or by REEL_NATS and REEL_CREDENTIALS. */
import { OPERATOR } from '@reel/bus/accounts.ts';
import { connect } from '@reel/bus/connect.ts';
import { type Cast, castOf } from '@reel/bus/protocol/cast.ts';
import { openWholeLog, type WholeLog } from '@reel/bus/whole-log.ts';
import { ownServices } from './cast.ts';
import { installationIn, rolesIn, SHARDS } from './installation.ts';
import { reachable } from './local.ts';

/** Where an installation keeps what is its own. */
export const folder = (): string => process.env['REEL_DIR'] ?? '.reel';

/** Reads the log of the installation in `dir`, and closes it again. @throws when nothing runs there, with what to do. */
export async function withLog<T>(dir: string, read: (log: WholeLog, shards: number) => Promise<T>): Promise<T> {
  const servers = process.env['REEL_NATS'] ?? (await reachable(dir))?.nats;
  if (servers === undefined)
    throw new Error(
      `nothing was started in ${dir}: \`npx reel up\` first; --dir names the folder of a running one, or REEL_NATS its broker`,
    );
  const credentials = process.env['REEL_CREDENTIALS'] ?? installationIn(dir).credentials;
  const connection = await connect({ servers, credentials }, OPERATOR);
  try {
    return await read(await openWholeLog(connection), SHARDS);
  } finally {
    await connection.close();
  }
}

/** Who may say what in the installation in `dir`. */
export const castIn = async (dir: string): Promise<Cast> => castOf(await ownServices(), await rolesIn(installationIn(dir)));
