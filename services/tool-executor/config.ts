/** The configuration of the tool-executor: which servers, APIs and modules offer tools, read strictly so that a typing error is found at the start. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { excerpt, filled, keepFromAddress, keepIfSecret, withoutSecrets } from '@reel/bus/runtime/secrets.ts';
import { Effect, OutputCheck, StrictCompensation, StrictRetry, WithinMs } from '@reel/contracts/tool.ts';
import { keepDigits } from '@reel/contracts/workflow/source.ts';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';

/** The configuration cannot be used; the message says which file, field and value, and what is expected there. */
export class ConfigError extends Error {}

/** A part of a name that tools can have. */
const Name = z.string().regex(/^[A-Za-z0-9_./-]{1,128}$/, 'expected 1 to 128 of A-Z a-z 0-9 _ - . /');

const Override = z.strictObject({
  /** What it is called here, instead of its own name with the prefix. */
  as: Name.optional(),
  /** ms */
  timeoutMs: z.int().positive().optional(),
  /** How many calls one executor makes at a time. */
  concurrency: z.int().positive().optional(),
  effect: Effect.optional(),
  /** What becomes of a result that is not what the tool declares. */
  output: OutputCheck.optional(),
  compensation: StrictCompensation.optional(),
  /** How often it may be tried, where a plan does not say. */
  retry: StrictRetry.optional(),
  /** How long it may take with all tries and waits, in ms, where a plan does not say. */
  withinMs: WithinMs.optional(),
});
/** What the operator knows better than the server says. */
export type Override = z.infer<typeof Override>;

/** What one answer of a server may have, in bytes: a result of the largest size is there twice, as text and as what it means. */
const ANSWER_BYTES = 4 * 1024 * 1024;
const limits = z
  .strictObject({
    /** Of one answer, of all that is said beside the answers in a minute, and of the list of its tools. */
    answerBytes: z
      .int()
      .min(1024)
      .max(64 * 1024 * 1024)
      .default(ANSWER_BYTES),
  })
  .prefault({});
const overrides = {
  /** Stands before the name of each of its tools. */
  prefix: Name.default(''),
  /** By the tool's own name. */
  tools: z.record(z.string(), Override).default({}),
};
/** How long it may take to start, to greet and to list its tools, in ms; 30 s unless said otherwise. */
const StartMs = z.int().positive().max(600_000).optional();
const Stdio = z.strictObject({
  command: z.string().min(1),
  args: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  /** Relative to the configuration's folder, which is also the default. */
  cwd: z.string().default('.'),
  startMs: StartMs,
  limits,
  ...overrides,
});
const Http = z.strictObject({
  url: z.string(),
  headers: z.record(z.string(), z.string()).default({}),
  startMs: StartMs,
  limits,
  ...overrides,
});
const Api = z.strictObject({
  /** An OpenAPI 3.0 or 3.1 document: a URL, or a path relative to the configuration's folder. */
  document: z.string().min(1),
  /** Instead of the servers that the document names. */
  baseUrl: z.string().optional(),
  /** By the name of the document's security scheme; for `basic`, the user and the password with a colon between. */
  credentials: z.record(z.string(), z.string()).default({}),
  /** By operationId or as `METHOD /path`; all of them when this is left out. */
  operations: z.array(z.string()).optional(),
  /** ms, where `tools` does not say otherwise */
  timeoutMs: z.int().positive().optional(),
  idempotencyHeader: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/)
    .default('Idempotency-Key'),
  limits,
  ...overrides,
});
const Config = z.strictObject({
  servers: z.record(z.string(), z.unknown()).default({}),
  apis: z.record(z.string(), z.unknown()).default({}),
  modules: z.array(z.string()).default([]),
});

export type StdioServer = z.infer<typeof Stdio>;
export type HttpServer = z.infer<typeof Http>;
export type Server = StdioServer | HttpServer;

/** A plain API; `document` is a URL or an absolute path, and `credentials` are filled in. */
export type Api = z.infer<typeof Api>;

/** `modules` are absolute paths. */
export type Config = {
  readonly servers: Readonly<Record<string, Server>>;
  readonly apis: Readonly<Record<string, Api>>;
  readonly modules: readonly string[];
};

type Path = readonly PropertyKey[];
type Complain = (path: Path, message: string) => never;

/**
 * Reads a YAML or JSON file.
 * @param env where `${VAR}` in `url`, `env`, `headers`, `document`, `baseUrl` and `credentials` comes from: credentials are named in the file, never written in it.
 * @throws ConfigError
 */
export async function readConfig(file: string, env: NodeJS.ProcessEnv): Promise<Config> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : error.message;
    throw new ConfigError(`${file}: ${why}; REEL_TOOLS has to name the configuration of the tools`);
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [wrong] = document.errors;
  if (wrong !== undefined) throw new ConfigError(`${file}: ${wrong.message}`);
  for (const { digits, offset } of keepDigits(document)) {
    const { line, col } = lines.linePos(offset);
    throw new ConfigError(`${file}:${line}:${col}: ${digits} has more digits than a number here can have: write it in quotes, as a text`);
  }
  const complain: Complain = (path, message) => {
    const node = document.getIn(path, true) ?? document.getIn(path.slice(0, -1), true);
    const at = isNode(node) && node.range ? lines.linePos(node.range[0]) : undefined;
    const field = path.length === 0 ? 'the configuration' : path.join('.');
    throw new ConfigError(withoutSecrets(`${file}${at === undefined ? '' : `:${at.line}:${at.col}`}: ${field}: ${message}`));
  };
  const outline = parse(Config, document.toJS() ?? {}, [], complain);
  const folder = dirname(resolve(file));
  const servers = Object.entries(outline.servers).map(([name, raw]) => [name, server(name, raw, folder, env, complain)] as const);
  const apis = Object.entries(outline.apis).map(([name, raw]) => {
    if (Object.hasOwn(outline.servers, name)) complain(['apis', name], `there is a server "${name}" already; expected every name once`);
    return [name, api(name, raw, folder, env, complain)] as const;
  });
  return {
    servers: Object.fromEntries(servers),
    apis: Object.fromEntries(apis),
    modules: outline.modules.map((path) => resolve(folder, path)),
  };
}

function server(name: string, raw: unknown, folder: string, env: NodeJS.ProcessEnv, complain: Complain): Server {
  const path = ['servers', name];
  const given = typeof raw === 'object' && raw !== null ? raw : {};
  if ('url' in given === 'command' in given) {
    complain(path, `expected either a command (with args, env, cwd) or a url (with headers), is ${shown(raw)}`);
  }
  const filledIn = (values: Record<string, string>, under: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(values).map(([key, value]) => {
        const whole = fill(value, env, [...path, under, key], complain);
        keepIfSecret(key, whole);
        return [key, whole];
      }),
    );
  if ('command' in given) {
    const stdio = parse(Stdio, raw, path, complain);
    return { ...stdio, cwd: resolve(folder, stdio.cwd), env: filledIn(stdio.env, 'env') };
  }
  const http = parse(Http, raw, path, complain);
  const url = fill(http.url, env, [...path, 'url'], complain);
  // As it is written: what is filled in may be too short to be removed.
  if (!isWeb(url)) complain([...path, 'url'], `expected an http or https URL, is ${shown(http.url)}`);
  keepFromAddress(url, [...path, 'url'].join('.'));
  return { ...http, url, headers: filledIn(http.headers, 'headers') };
}

const isWeb = (url: string): boolean => /^https?:/.test(url) && URL.canParse(url);

/** A reference, or two with a colon between: nothing that could be a secret itself. */
const REFERENCE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}(:\$\{[A-Za-z_][A-Za-z0-9_]*\})?$/;

function api(name: string, raw: unknown, folder: string, env: NodeJS.ProcessEnv, complain: Complain): Api {
  const path = ['apis', name];
  const given = parse(Api, raw, path, complain);
  const document = fill(given.document, env, [...path, 'document'], complain);
  const baseUrl = given.baseUrl === undefined ? undefined : fill(given.baseUrl, env, [...path, 'baseUrl'], complain);
  if (baseUrl !== undefined && !isWeb(baseUrl)) complain([...path, 'baseUrl'], `expected an http or https URL, is ${shown(given.baseUrl)}`);
  for (const address of [document, baseUrl ?? '']) keepFromAddress(address, path.join('.'));
  const credentials = Object.entries(given.credentials).map(([scheme, value]) => {
    const at = [...path, 'credentials', scheme];
    // The value is not shown: it may be the secret.
    if (!REFERENCE.test(value))
      complain(at, `expected a reference to the environment, such as "$${'{API_TOKEN}'}"; a secret is never written here`);
    return [scheme, fill(value, env, at, complain)] as const;
  });
  return {
    ...given,
    document: isWeb(document) ? document : resolve(folder, document),
    baseUrl,
    credentials: Object.fromEntries(credentials),
  };
}

const fill = (text: string, env: NodeJS.ProcessEnv, path: Path, complain: Complain): string =>
  filled(text, env, (what) => complain(path, what));

function parse<Shape extends z.ZodType>(shape: Shape, value: unknown, path: Path, complain: Complain): z.output<Shape> {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) return complain(path, parsed.error.message);
  if (issue.code === 'unrecognized_keys')
    return complain([...path, ...issue.path, issue.keys[0] as string], 'is not a field that is known here');
  const found = issue.path.reduce<unknown>((within, key) => (within as Record<PropertyKey, unknown> | undefined)?.[key], value);
  return complain([...path, ...issue.path], `${bare(issue.message)}, is ${shown(found)}`);
}

function shown(value: unknown): string {
  return excerpt(JSON.stringify(value) ?? 'missing', 80);
}

/** Without what zod puts around it: what is there is shown as it is. */
const bare = (message: string): string => message.replace(/^Invalid (input|option): /, '').replace(/, received \S+$/, '');
