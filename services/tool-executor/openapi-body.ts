/** What an operation's body is sent as, by what its document says of it: JSON, a form, a multipart form, text, or bytes. Pure. */
import type { JsonSchema } from '@reel/contracts/envelope.ts';
import { isJson, isTextual, mediaTypeOf } from './media.ts';
import { DocumentError, followed, isFields } from './openapi-schema.ts';

const STYLES = ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'] as const;

/** As the document has it. */
type Media = {
  readonly schema?: unknown;
  readonly encoding: {
    readonly [field: string]: {
      readonly contentType?: string | undefined;
      readonly style?: string | undefined;
      readonly explode?: boolean | undefined;
      readonly headers: { readonly [name: string]: unknown };
    };
  };
};
type Body = { readonly content: { readonly [type: string]: Media }; readonly required: boolean };

/** How one field of a form goes. Without a style it goes by its type: JSON for an object, and one field for each item of an array. */
export type FormField = {
  /** It is a file, or a list of them; undefined where the document does not say what it is. */
  readonly isFile?: boolean | undefined;
  /** The media type of the part. */
  readonly type?: string | undefined;
  readonly style?: (typeof STYLES)[number] | undefined;
  readonly explode: boolean;
};
/** `type` is the media type that is said. */
export type ApiBody = {
  readonly form: 'json' | 'urlencoded' | 'multipart' | 'text' | 'bytes';
  readonly type: string;
  readonly fields: ReadonlyMap<string, FormField>;
};
export type ReadBody = { readonly body: ApiBody; readonly schema: unknown; readonly required: boolean };

const file = (content: 'base64' | 'text'): JsonSchema => ({
  type: 'object',
  required: [content],
  properties: { [content]: { type: 'string' }, mediaType: { type: 'string' }, filename: { type: 'string' } },
  additionalProperties: false,
});
/** What a file is in the arguments: what a tool answered with can be given on as it is. */
const FILE: JsonSchema = { anyOf: [{ type: 'string', description: 'the text of the file' }, file('base64'), file('text')] };

/** @throws DocumentError when there is a body, and no form of it can be sent: called without it, the operation would do something else. */
export function readBody(document: unknown, method: string, { content, required }: Body, where: string): ReadBody | undefined {
  const offered = Object.entries(content);
  if (offered.length === 0 && !required) return undefined;
  if (method === 'get' || method === 'head') throw new DocumentError(`${where}: a body is not sent with ${method.toUpperCase()}`);
  const whys: string[] = [];
  for (const form of ['json', 'urlencoded', 'multipart', 'text', 'bytes'] as const) {
    for (const [said, media] of offered) {
      if (formOf(said) !== form) continue;
      const read = sendable(document, form, media);
      if (typeof read === 'string') whys.push(`${said}: ${read}`);
      else return { required, schema: read.schema, body: { form, type: typeOf(form, said), fields: read.fields } };
    }
  }
  const others = offered.map(([said]) => said).filter((said) => formOf(said) === undefined);
  if (others.length > 0) whys.push(`${others.join(', ')}: it is not known how that is sent`);
  throw new DocumentError(`${where}.content: it takes a body that cannot be sent: ${whys.join('; ') || 'there is no media type'}`);
}

function formOf(said: string): ApiBody['form'] | undefined {
  const { essence } = mediaTypeOf(said);
  if (isJson(said) || essence === '*/*' || essence === 'application/*') return 'json';
  if (essence === 'application/x-www-form-urlencoded') return 'urlencoded';
  if (essence.startsWith('multipart/')) return essence === 'multipart/form-data' || essence === 'multipart/*' ? 'multipart' : undefined;
  if (isTextual(said)) return 'text';
  return /^[^/\s]+\/[^/\s]+$/.test(essence) ? 'bytes' : undefined;
}

function typeOf(form: ApiBody['form'], said: string): string {
  if (form === 'json') return isJson(said) ? said : 'application/json';
  if (form === 'multipart') return 'multipart/form-data';
  return said.includes('*') && form === 'text' ? 'text/plain' : said;
}

type Form = Pick<ReadBody, 'schema'> & Pick<ApiBody, 'fields'>;

/** How it is sent, or in words why it cannot be. */
function sendable(document: unknown, form: ApiBody['form'], media: Media): Form | string {
  const schema = media.schema ?? {};
  const none = new Map<string, FormField>();
  if (form === 'json') return { schema, fields: none };
  if (form === 'bytes') return { schema: FILE, fields: none };
  if (form === 'text') return { schema: isScalar(document, schema) ? asText(document, schema) : { type: 'string' }, fields: none };
  const fields = new Map<string, FormField>();
  const shown = withFiles(schema, { document, media, fields, refs: new Set() });
  if (shown === undefined) return 'its schema is not that of an object, whose properties are the fields';
  for (const [name, encoding] of Object.entries(media.encoding)) {
    const { style } = encoding;
    if (style !== undefined && !isStyle(style)) return `encoding.${name}: the style "${style}" is none of ${STYLES.join(', ')}`;
    if (!fields.has(name)) fields.set(name, fieldOf(encoding, undefined));
  }
  for (const [name, { isFile, style }] of fields) {
    const { contentType: type, headers = {} } = media.encoding[name] ?? {};
    if (isFile === true && form === 'urlencoded') return `"${name}" is a file`;
    if (isFile === true && style !== undefined) return `"${name}" is a file, and its style "${style}" is for what is none`;
    const header = Object.entries(headers).find(([key, raw]) => key.toLowerCase() !== 'content-type' && isNeeded(document, raw));
    if (header !== undefined) return `the part "${name}" needs the header "${header[0]}", which is not sent`;
    if (isFile === true || type === undefined || style !== undefined || isJson(type) || type.includes('*')) continue;
    if (!isScalar(document, propertyOf(document, schema, name))) return `"${name}" is to be written as ${type}`;
  }
  return { schema: shown, fields };
}

const isStyle = (said: string | undefined): said is FormField['style'] & string => STYLES.some((one) => one === said);

/** Who says `explode` and no style means the style `form`. */
function fieldOf(encoding: Media['encoding'][string] | undefined, isFile: boolean | undefined): FormField {
  const { contentType: type, style, explode } = encoding ?? {};
  const how = isStyle(style) ? style : explode === undefined ? undefined : 'form';
  return { isFile, type, style: how, explode: explode ?? how === 'form' };
}

const isNeeded = (document: unknown, raw: unknown): boolean => {
  const header = followed(document, raw);
  return isFields(header) && header['required'] === true;
};

type Looking = { readonly document: unknown; readonly media: Media; readonly fields: Map<string, FormField>; readonly refs: Set<string> };

/** The schema of a form's object with its files as they are given, and under `fields` how each field goes; undefined where it is of no object. */
function withFiles(raw: unknown, looking: Looking): unknown {
  const { document, media, fields, refs } = looking;
  const ref = isFields(raw) && typeof raw['$ref'] === 'string' ? raw['$ref'] : undefined;
  // What refers to itself says nothing new the second time.
  if (ref !== undefined && refs.has(ref)) return {};
  const schema = followed(document, raw);
  if (!isFields(schema)) return schema === true ? {} : undefined;
  if (schema['type'] !== undefined && ![schema['type']].flat().includes('object')) return undefined;
  const inner = { ...looking, refs: ref === undefined ? refs : new Set([...refs, ref]) };
  const out: Record<string, unknown> = { ...schema };
  for (const key of ['allOf', 'anyOf', 'oneOf']) {
    const parts = schema[key];
    if (!Array.isArray(parts)) continue;
    const each = parts.map((part) => withFiles(part, inner));
    if (each.includes(undefined)) return undefined;
    out[key] = each;
  }
  if (!isFields(schema['properties'])) return out;
  const properties = Object.entries(schema['properties']).map(([name, property]) => {
    const encoding = media.encoding[name];
    const found = fileIn(document, property, encoding?.contentType);
    fields.set(name, fieldOf(encoding, found !== undefined));
    return [name, found ?? property] as const;
  });
  return { ...out, properties: Object.fromEntries(properties) };
}

/** What stands for a file, or a list of them, in the arguments; undefined for what is none. */
function fileIn(document: unknown, raw: unknown, type: string | undefined): unknown {
  const schema = followed(document, raw);
  if (!isFields(schema)) return undefined;
  if (isFile(schema, type)) return { ...FILE, ...(isSaid(schema['description']) ? { description: schema['description'] } : {}) };
  const { items } = schema;
  const item = items === undefined ? undefined : fileIn(document, items, type);
  if (item !== undefined) return { ...schema, items: item };
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const parts = schema[key];
    if (!Array.isArray(parts)) continue;
    const files = parts.map((part) => fileIn(document, part, type));
    const isNull = (part: unknown): boolean => isFields(part) && part['type'] === 'null';
    if (files.some((one) => one !== undefined) && parts.every((part, n) => files[n] !== undefined || isNull(part)))
      return { ...schema, type: undefined, format: undefined, [key]: parts.map((part, n) => files[n] ?? part) };
  }
  return undefined;
}

const isSaid = (value: unknown): boolean => typeof value === 'string' && value !== '';

/** Bytes that are not in a string already, as `byte` and `contentEncoding` are. */
function isFile(schema: { readonly [name: string]: unknown }, type: string | undefined): boolean {
  const types = [schema['type'] ?? 'string'].flat();
  if (!types.includes('string') || schema['contentEncoding'] !== undefined || schema['format'] === 'byte') return false;
  if (schema['format'] === 'binary') return true;
  if (['properties', 'items', 'enum', 'const', 'anyOf', 'oneOf', 'allOf'].some((key) => schema[key] !== undefined)) return false;
  const media = [schema['contentMediaType'], type].find((one) => typeof one === 'string');
  return media !== undefined && !media.split(',').every((one) => isJson(one) || isTextual(one));
}

/** A string, or what can be said as one; a schema that says nothing may be one. */
function isScalar(document: unknown, raw: unknown): boolean {
  const schema = followed(document, raw);
  if (!isFields(schema)) return schema !== false;
  const types = schema['type'] === undefined ? [] : [schema['type']].flat();
  return !types.some((one) => one === 'object' || one === 'array') && schema['properties'] === undefined && schema['items'] === undefined;
}

/** Where nothing is said of it, a text is a string. */
function asText(document: unknown, raw: unknown): unknown {
  const schema = followed(document, raw);
  return isFields(schema) && schema['type'] === undefined && !['anyOf', 'oneOf', 'allOf', 'enum'].some((key) => key in schema)
    ? { ...schema, type: 'string' }
    : raw;
}

function propertyOf(document: unknown, raw: unknown, name: string, levels = 8): unknown {
  const schema = followed(document, raw);
  if (!isFields(schema) || levels === 0) return undefined;
  const { properties } = schema;
  if (isFields(properties) && Object.hasOwn(properties, name)) return properties[name];
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((key) => (Array.isArray(schema[key]) ? (schema[key] as unknown[]) : []));
  return parts.map((part) => propertyOf(document, part, name, levels - 1)).find((found) => found !== undefined);
}
