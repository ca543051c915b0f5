/** What an OpenAPI 3.0 or 3.1 document offers: its operations, each with what it takes, what it answers and how it is asked. Pure. */
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { type Compensation, Effect, StrictCompensation } from '@reel/contracts/tool.ts';
import { z } from 'zod';
import { isJson } from './media.ts';
import { type ApiBody, type ReadBody, readBody } from './openapi-body.ts';
import { DocumentError, followed, isFields, standalone } from './openapi-schema.ts';

const METHODS = ['get', 'head', 'put', 'delete', 'post', 'patch'] as const;
type Method = (typeof METHODS)[number];

const Parameter = z.object({
  name: z.string().min(1),
  in: z.enum(['path', 'query', 'header', 'cookie']),
  description: z.string().optional(),
  required: z.boolean().default(false),
  style: z.string().optional(),
  explode: z.boolean().optional(),
  schema: z.unknown().optional(),
  content: z.record(z.string(), z.unknown()).optional(),
});
/** By name, without the document's own additions, which may stand anywhere and be anything. */
const named = <Value extends z.ZodType>(value: Value) =>
  z.preprocess(
    (given) => (isFields(given) ? Object.fromEntries(Object.entries(given).filter(([name]) => !/^x-/i.test(name))) : given),
    z.record(z.string(), value),
  );
const Server = z.object({ url: z.string(), variables: z.record(z.string(), z.object({ default: z.string() })).default({}) });
const Security = z.array(z.record(z.string(), z.array(z.string())));
const Field = z.object({
  contentType: z.string().optional(),
  style: z.string().optional(),
  explode: z.boolean().optional(),
  headers: z.record(z.string(), z.unknown()).default({}),
});
const Media = named(z.object({ schema: z.unknown().optional(), encoding: named(Field).default({}) }));
const Answer = z.object({ content: Media.default({}) });
const Operation = z.object({
  operationId: z.string().min(1).optional(),
  summary: z.string().optional(),
  description: z.string().optional(),
  parameters: z.array(z.unknown()).default([]),
  requestBody: z.unknown().optional(),
  responses: named(z.unknown()).default({}),
  security: Security.optional(),
  servers: z.array(Server).optional(),
  'x-reel-effect': Effect.exclude(['metered']).optional(),
  'x-reel-compensation': StrictCompensation.optional(),
});
const Document = z.object({
  openapi: z.string().regex(/^3\.[01]\./, 'expected an OpenAPI document of version 3.0 or 3.1'),
  info: z.object({ title: z.string() }),
  paths: named(z.unknown()).default({}),
  servers: z.array(Server).optional(),
  security: Security.default([]),
  components: z.object({ securitySchemes: named(z.unknown()).default({}) }).default({ securitySchemes: {} }),
});

const Scheme = z.discriminatedUnion('type', [
  z.object({ type: z.literal('apiKey'), name: z.string().min(1), in: z.enum(['header', 'query', 'cookie']) }),
  z.object({ type: z.literal('http'), scheme: z.string() }),
  z.object({ type: z.literal('oauth2') }),
  z.object({ type: z.literal('openIdConnect') }),
  z.object({ type: z.literal('mutualTLS') }),
]);
/** How whoever asks shows who they are. */
export type Scheme = z.infer<typeof Scheme>;

export type Style = 'simple' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject' | 'json';
/** `argument` is its name in the tool's input, `name` the one in the request. */
export type ApiParameter = {
  readonly argument: string;
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly style: Style;
  readonly explode: boolean;
};

export type ApiOperation = {
  /** The tool's name: the operation's id, or made from its method and path. */
  readonly name: string;
  /** `POST /tickets/{id}`. */
  readonly spot: string;
  readonly method: Method;
  readonly path: string;
  readonly description: string;
  readonly parameters: readonly ApiParameter[];
  /** How the argument `body` is sent. */
  readonly body?: ApiBody | undefined;
  readonly input: JsonSchema;
  readonly output?: JsonSchema | undefined;
  readonly effect: Exclude<Effect, 'metered'>;
  readonly compensation?: Compensation | undefined;
  /** Any one of these sets of schemes will do; no sets: nobody has to show anything. */
  readonly security: readonly (readonly string[])[];
  /** As the document has it: it may be relative to the document's own address. */
  readonly server: string;
};

export type OpenApi = {
  readonly title: string;
  readonly operations: readonly ApiOperation[];
  /** Operations that cannot be offered, and why. */
  readonly refused: readonly { readonly spot: string; readonly why: string }[];
  readonly schemes: ReadonlyMap<string, Scheme>;
};

/**
 * Reads a document whose references all point into itself.
 * @param idempotencyHeader an operation that declares this header is idempotent, and is given it without being asked for it.
 * @throws DocumentError when it is no such document; what is wrong with one operation only refuses that one.
 */
export function readOpenApi(document: unknown, idempotencyHeader: string): OpenApi {
  const outline = shape(Document, document, '');
  const schemes = new Map<string, Scheme>();
  for (const [name, raw] of Object.entries(outline.components.securitySchemes)) {
    try {
      schemes.set(name, shape(Scheme, followed(document, raw), `components.securitySchemes.${name}`));
    } catch (error) {
      // What needs it is refused for want of it.
      if (!(error instanceof DocumentError)) throw error;
    }
  }
  const operations = new Map<string, ApiOperation>();
  const refused: { spot: string; why: string }[] = [];
  for (const [path, raw] of Object.entries(outline.paths)) {
    const item = itemAt(document, path, raw);
    if (typeof item === 'string') refused.push({ spot: path, why: item });
    else
      for (const method of METHODS) {
        if (item[method] === undefined) continue;
        const spot = `${method.toUpperCase()} ${path}`;
        try {
          const operation = read({ document, outline, item, method, path, spot, idempotencyHeader });
          const twin = operations.get(operation.name);
          if (twin !== undefined)
            throw new DocumentError(`${twin.spot} is called "${operation.name}" as well: every operationId stands once`);
          operations.set(operation.name, operation);
        } catch (error) {
          if (!(error instanceof DocumentError)) throw error;
          refused.push({ spot, why: error.message });
        }
      }
  }
  return { title: outline.info.title, operations: [...operations.values()], refused, schemes };
}

/** What stands at a path, or why nothing can be read there. */
function itemAt(document: unknown, path: string, raw: unknown): { readonly [name: string]: unknown } | string {
  try {
    const item = followed(document, raw);
    if (!path.startsWith('/')) return `paths.${path}: a path begins with "/"`;
    return isFields(item) ? item : `paths.${path}: expected an object, is ${shown(item)}`;
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return error.message;
  }
}

type Given = {
  readonly document: unknown;
  readonly outline: z.output<typeof Document>;
  readonly item: { readonly [name: string]: unknown };
  readonly method: Method;
  readonly path: string;
  readonly spot: string;
  readonly idempotencyHeader: string;
};

function read(given: Given): ApiOperation {
  const { document, outline, item, method, path, spot, idempotencyHeader } = given;
  const where = `paths.${path}.${method}`;
  const operation = shape(Operation, item[method], where);
  const old = outline.openapi.startsWith('3.0');
  const all = parametersOf(given, operation.parameters);
  const keyed = all.some((one) => one.in === 'header' && one.name.toLowerCase() === idempotencyHeader.toLowerCase());
  const taken = all.filter((one) => isAsked(one, idempotencyHeader));
  const body = bodyOf(given, operation.requestBody, `${where}.requestBody`);
  const parameters: { way: ApiParameter; said: (typeof taken)[number] }[] = [];
  for (const said of taken) {
    const free = said.name !== 'body' && !parameters.some(({ way }) => way.argument === said.name);
    parameters.push({ way: { ...wayOf(said, where), argument: free ? said.name : `${said.in}_${said.name}` }, said });
  }
  const input = standalone(document, { direction: 'request', old }, (convert) => {
    const properties = parameters.map(({ way, said }) => [way.argument, described(convert(schemaOf(said)), said.description)] as const);
    const required = parameters.filter(({ said }) => said.required || said.in === 'path').map(({ way }) => way.argument);
    return {
      type: 'object',
      properties: { ...Object.fromEntries(properties), ...(body === undefined ? {} : { body: convert(body.schema) }) },
      required: body?.required === true ? [...required, 'body'] : required,
      additionalProperties: false,
    };
  });
  const output = outputOf(given, operation.responses, old);
  const effect = operation['x-reel-effect'] ?? effectOf(method, keyed);
  const server = (operation.servers ?? z.array(Server).optional().safeParse(item['servers']).data ?? outline.servers)?.[0];
  return {
    name: nameOf(operation.operationId ?? method + path.replaceAll(/[{}]/g, '').replaceAll('/', '_')),
    spot,
    method,
    path,
    description: `${[operation.summary, operation.description].filter(Boolean).join('\n\n')}\n\n${spot} of ${outline.info.title}`.trim(),
    parameters: parameters.map(({ way }) => way),
    body: body?.body,
    input,
    output,
    effect,
    compensation: operation['x-reel-compensation'],
    security: (operation.security ?? outline.security).map((set) => Object.keys(set)),
    server:
      server === undefined ? '/' : server.url.replaceAll(/\{([^}]*)\}/g, (all, name: string) => server.variables[name]?.default ?? all),
  };
}

const effectOf = (method: Method, keyed: boolean): ApiOperation['effect'] => {
  if (method === 'get' || method === 'head') return 'read-only';
  return keyed || method === 'put' || method === 'delete' ? 'idempotent' : 'once';
};

const nameOf = (id: string): string =>
  id
    .replaceAll(/[^A-Za-z0-9_./-]/g, '_')
    .replace(/^[./-]+/, '')
    .replace(/(?<!\.)\.+$/, '')
    .slice(0, 128);

/** An operation's own parameters and those of its path; of two at one place its own counts. */
function parametersOf({ document, item, method, path }: Given, own: readonly unknown[]): z.output<typeof Parameter>[] {
  const shared = Array.isArray(item['parameters']) ? (item['parameters'] as unknown[]) : [];
  const all = new Map<string, z.output<typeof Parameter>>();
  const take = (list: readonly unknown[], where: string): void => {
    for (const [index, raw] of list.entries()) {
      const one = shape(Parameter, followed(document, raw), `${where}.parameters.${index}`);
      all.set(`${one.in} ${one.name}`, one);
    }
  };
  take(shared, `paths.${path}`);
  take(own, `paths.${path}.${method}`);
  const templates = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name as string);
  const missing = templates.find((name) => !all.has(`path ${name}`));
  if (missing !== undefined) throw new DocumentError(`paths.${path}.${method}.parameters: there is none for {${missing}} of the path`);
  return [...all.values()].filter((one) => one.in !== 'path' || templates.includes(one.name));
}

/** Headers that the request has anyway are not for the caller to say, nor is the idempotency key. */
function isAsked({ in: place, name, required }: z.output<typeof Parameter>, idempotencyHeader: string): boolean {
  if (place === 'cookie') {
    if (required) throw new DocumentError(`it needs the cookie "${name}", and cookies are not sent`);
    return false;
  }
  return place !== 'header' || !['accept', 'content-type', 'authorization', idempotencyHeader.toLowerCase()].includes(name.toLowerCase());
}

function wayOf({ name, in: place, style, explode, content }: z.output<typeof Parameter>, where: string): Omit<ApiParameter, 'argument'> {
  const usual = place === 'query' ? 'form' : 'simple';
  const known: readonly string[] = place === 'query' ? ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'] : ['simple'];
  const given = style ?? usual;
  if (!known.includes(given))
    throw new DocumentError(`${where}: the style "${given}" of the parameter "${name}" is none of ${known.join(', ')}`);
  const spot = place as ApiParameter['in'];
  return { name, in: spot, style: content === undefined ? (given as Style) : 'json', explode: explode ?? given === 'form' };
}

function schemaOf({ schema, content }: z.output<typeof Parameter>): unknown {
  const [media] = Object.values(content ?? {});
  return (isFields(media) ? media['schema'] : schema) ?? {};
}

const described = (schema: Json, description: string | undefined): Json =>
  description !== undefined && isFields(schema) && schema['description'] === undefined ? { ...schema, description } : schema;

function bodyOf({ document, method }: Given, raw: unknown, where: string): ReadBody | undefined {
  if (raw === undefined) return undefined;
  const body = shape(Answer.extend({ required: z.boolean().default(false) }), followed(document, raw), where);
  return readBody(document, method, body, where);
}

/** What every good answer is, as far as all of them say so. */
function outputOf(
  { document, method, path }: Given,
  responses: { readonly [status: string]: unknown },
  old: boolean,
): JsonSchema | undefined {
  const good = Object.entries(responses).filter(([status]) => /^2(\d\d|XX)$/i.test(status));
  if (good.length === 0 || method === 'head') return undefined;
  let told = true;
  const output = standalone(document, { direction: 'response', old }, (convert) => {
    const each = good.map(([status, raw]): Json => {
      const { content } = shape(Answer, followed(document, raw), `paths.${path}.${method}.responses.${status}`);
      const media = Object.entries(content);
      const json = media.find(([type]) => isJson(type));
      if (media.length === 0 && /^20[45]$/.test(status)) return { type: 'null' };
      // Many describe no content and have some all the same.
      if (json?.[1].schema === undefined || media.length > 1) told = false;
      return told ? convert(json?.[1].schema) : {};
    });
    const [only = {}, ...more] = [...new Map(each.map((one) => [JSON.stringify(one), one])).values()];
    return more.length === 0 && isFields(only) ? only : { anyOf: [only, ...more] };
  });
  return told ? output : undefined;
}

function shape<Shape extends z.ZodType>(type: Shape, value: unknown, where: string): z.output<Shape> {
  const parsed = type.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path ?? [];
  const found = path.reduce<unknown>((within, key) => (within as Record<PropertyKey, unknown> | undefined)?.[key], value);
  const field = [where, ...path.map(String)].filter(Boolean).join('.') || 'the document';
  throw new DocumentError(`${field}: ${issue?.message ?? parsed.error.message}, is ${shown(found)}`);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
