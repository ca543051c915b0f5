/**
 * Who may do what at the broker, as nats-server configuration. The streams live in an account of their own, and every service
 * imports from it just what it needs: so no reply, header or administration request of a service can reach a slot that is not its.
 */
import { undoKind } from '@reel/contracts/address.ts';
import {
  API_PREFIX,
  blobStream,
  clockStream,
  LIVE_FACTS,
  LIVE_TOOLS,
  REGISTRY_BUCKET,
  REGISTRY_STREAM,
  reelStream,
  timerSubject,
} from '../jetstream/names.ts';
import { blobSubject } from '../runtime/large-values.ts';
import { kindsOf, OPERATOR, PROVISIONER, publishSubjects, type Role, subscribeSubjects } from '../runtime/role.ts';
import { PRESENCE_QUERY, presenceSubject } from '../signals/presence.ts';

/** All streams of an installation. */
export const streamsOf = (roles: readonly Role[], shards: number): string[] => [
  ...Array.from({ length: shards }, (_, shard) => [
    reelStream(shard),
    blobStream(shard),
    ...roles.filter(({ clock }) => clock).map(({ name }) => clockStream(shard, name)),
  ]).flat(),
  REGISTRY_STREAM,
];
type User = { readonly nkey: string; readonly publish: readonly string[]; readonly subscribe: readonly string[] };
type Permissions = Omit<User, 'nkey'>;

/** What a service may publish and subscribe to. */
export function permissionsOf(role: Role, roles: readonly Role[], shards: number): Permissions {
  const each = (subjects: (shard: number) => string[]): string[] => Array.from({ length: shards }, (_, shard) => subjects(shard)).flat();
  const { name, shape } = role;
  const consume = (stream: string): string[] => [
    `${API_PREFIX}.CONSUMER.INFO.${stream}.${name}`,
    `${API_PREFIX}.CONSUMER.MSG.NEXT.${stream}.${name}`,
    `$JS.ACK.${stream}.${name}.>`,
    `$JS.ACK.*.*.${stream}.${name}.>`,
  ];
  const isEdge = shape === 'edge';
  const publish = [
    ...publishSubjects(role, kindsOf(roles)),
    ...each((shard) => [
      ...readLog(shard),
      // A fault is all that a service without words of its own can say, and a fault is never large.
      ...(role.publishes.length > 0 ? [blobSubject({ shard, writer: name, run: '*', digest: '*' })] : []),
      ...(subscribeSubjects(role, shard).length > 0 ? consume(reelStream(shard)) : []),
      ...(role.clock ? [`${timerSubject(shard, name, 'set')}.*.*`, ...consume(clockStream(shard, name))] : []),
    ]),
    ...(isEdge ? [...read(REGISTRY_STREAM), PRESENCE_QUERY.subject, ...each((shard) => [infoOf(reelStream(shard))])] : []),
    // The registry holds only the tools of performers of that kind.
    ...(role.registry && role.kind === 'tool' ? [`$KV.${REGISTRY_BUCKET}.>`] : []),
    ...aside(role),
  ];
  const edge = isEdge ? [`${LIVE_TOOLS}.>`, 'presence.>', 'tokens.>'] : [];
  return { publish, subscribe: [`_INBOX_${name}.>`, LIVE_FACTS, PRESENCE_QUERY.subject, ...edge] };
}

/** What it takes to read a stream: several messages at once from any replica, and one from its leader. */
const read = (stream: string): string[] => [`${API_PREFIX}.DIRECT.GET.${stream}`, `${API_PREFIX}.STREAM.MSG.GET.${stream}`];

/** Facts are read in order. A value is asked for by its name, so that nothing can be read there by its position. */
function readLog(shard: number): string[] {
  const values = blobSubject({ shard, writer: '*', run: '*', digest: '*' });
  const [stream, blobs] = [reelStream(shard), blobStream(shard)];
  return [...read(stream), `${API_PREFIX}.DIRECT.GET.${blobs}.${values}`, `${API_PREFIX}.STREAM.MSG.GET.${blobs}`];
}

/** What it takes to know how full a stream is. */
const infoOf = (stream: string): string => `${API_PREFIX}.STREAM.INFO.${stream}`;

/** What an operator may publish and subscribe to: it reads every stream, and asks how far each goes and what its durables were given. */
export function operatorPermissions(roles: readonly Role[], shards: number): Permissions {
  const publish = streamsOf(roles, shards).flatMap((stream) => [
    ...read(stream),
    `${API_PREFIX}.DIRECT.GET.${stream}.>`,
    infoOf(stream),
    `${API_PREFIX}.CONSUMER.INFO.${stream}.*`,
  ]);
  return { publish, subscribe: [`_INBOX_${OPERATOR}.>`] };
}

/** What is said outside the log: that one is there, under one's own name and kind, and what one's own kind of step is making. */
function aside({ name, kind }: Role): string[] {
  return [presenceSubject(name, '*', kind), ...(kind === undefined ? [] : [kind, undoKind(kind)].map((own) => `tokens.*.*.${own}.*.*`))];
}

export type AccountsConfig = {
  readonly roles: readonly Role[];
  readonly shards: number;
  /** The public nkey of the provisioner, of every role by name, and of the operator where there is one. */
  readonly publicKeys: ReadonlyMap<string, string>;
};

export type ServerConfig = AccountsConfig & {
  /** `always`: a fact is on disk before it is acknowledged. Otherwise the interval, e.g. `2m`. */
  readonly syncInterval: string;
  /** What all streams together may take on the disk; by default the broker takes three quarters of what is free when it starts. */
  readonly storeBytes?: number;
};

const GENERATED = '# Generated from what the services declare (infra/bus/provisioning/permissions.ts). Changes made here are lost.';

/**
 * The whole configuration file of a nats-server for these services. A client that does not answer for six to nine seconds is let go: what
 * is delivered to one that is cut off counts as delivered, and after two of those a fact is handled in quarantine, which takes longer.
 */
export const serverConfig = ({ syncInterval, storeBytes, ...accounts }: ServerConfig): string => `${GENERATED}
max_payload: 1MB
ping_interval: "3s"
ping_max: 2
jetstream { sync_interval: "${syncInterval}"${storeBytes === undefined ? '' : `, max_file_store: ${storeBytes}`} }
${accountsBlock(accounts)}`;

/** The accounts alone, for the configuration of a broker that is set up otherwise to include. It holds public keys, and no secret. */
export const accountsConfig = (accounts: AccountsConfig): string => `${GENERATED}
${accountsBlock(accounts)}`;

function accountsBlock({ roles, shards, publicKeys }: AccountsConfig): string {
  const key = (name: string): string => {
    const found = publicKeys.get(name);
    if (found === undefined) throw new Error(`no credentials for ${name}`);
    return found;
  };
  const users = roles.map((role) => `      ${user({ nkey: key(role.name), ...permissionsOf(role, roles, shards) })}`);
  if (publicKeys.has(OPERATOR)) users.push(`      ${user({ nkey: key(OPERATOR), ...operatorPermissions(roles, shards) })}`);
  return `accounts {
  LOG {
    jetstream: enabled
    users: [ { nkey: ${quoted(key(PROVISIONER))} } ]
    exports: [
${exported.map((subject) => `      ${line(subject)}`).join('\n')}
      { stream: "live.>" }
    ]
  }
  SERVICES {
    imports: [
${exported.map((subject) => `      { service: { account: LOG, subject: "${subject.subject}" }${renamed(subject.subject)} }`).join('\n')}
      { stream: { account: LOG, subject: "live.>" } }
    ]
    users: [
${users.join('\n')}
    ]
  }
}
`;
}

const exported: readonly { subject: string; many?: boolean }[] = [
  { subject: 'reel.>' },
  { subject: 'blob.>' },
  { subject: `${timerSubject('*', '*', 'set')}.>` },
  { subject: `$KV.${REGISTRY_BUCKET}.>` },
  { subject: '$JS.API.STREAM.INFO.>' },
  { subject: '$JS.API.CONSUMER.INFO.>' },
  { subject: '$JS.API.CONSUMER.MSG.NEXT.>', many: true },
  { subject: '$JS.API.DIRECT.GET.>', many: true },
  { subject: '$JS.API.STREAM.MSG.GET.>' },
  { subject: '$JS.ACK.>' },
];

/** Any text as a string of the configuration: what is neither plain nor ASCII is written as bytes, so that nothing in it ends the string. */
export const quoted = (text: string): string =>
  `"${text.replace(/[^\x20-\x7e]|["\\]/gu, (letter) => [...Buffer.from(letter)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''))}"`;

const line = ({ subject, many }: (typeof exported)[number]): string =>
  `{ service: ${quoted(subject)}${many ? ', response_type: stream' : ''} }`;

const renamed = (subject: string): string =>
  subject.startsWith('$JS.API.') ? `, to: "${API_PREFIX}.${subject.slice('$JS.API.'.length)}"` : '';

const list = (subjects: readonly string[]): string => `[${[...new Set(subjects)].map(quoted).join(', ')}]`;

const user = ({ nkey, publish, subscribe }: User): string =>
  `{ nkey: ${quoted(nkey)}, permissions: { publish: { allow: ${list(publish)} }, subscribe: { allow: ${list(subscribe)} } } }`;
