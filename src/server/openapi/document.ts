/**
 * The API as an OpenAPI document (contract 104), generated from the table of routes and the error table. Facts that
 * OpenAPI cannot express, such as the messages of a WebSocket, are in the linked pages.
 */
import { ERRORS, type ErrorCode } from '../../errors/index.ts';
import { HEADER_USES, HEADERS, type HeaderName, JSON_MEDIA_TYPE, OCTET_STREAM } from '../../protocol/index.ts';
import type { RouteResponse } from '../http/responses.ts';
import type { Route, RouteParameter } from '../http/route.ts';
import { schemaOf } from './parameters.ts';
import { refusalsOf } from './refusals.ts';
import { SHAPES } from './shapes.ts';

type Json = Readonly<Record<string, unknown>>;

export function openApiDocument(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  const refusals = new Refusals();
  for (const route of routes) {
    const path = pathOf(route);
    // If two routes have the same path and method, the first is the one that answers.
    paths[path] = { [route.method.toLowerCase()]: operationOf(route, refusals), ...paths[path] };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'StreamFS',
      version,
      description:
        'Byte streams as files, broadcast. Every error response is JSON with a stable `code`. Every GET route also answers HEAD, and every path OPTIONS. An unknown path gets 404 `ROUTE_NOT_FOUND`, an unsupported method 405 `METHOD_NOT_ALLOWED`.',
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { ...SHAPES, Error: ERROR },
      responses: refusals.responses,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        basic: { type: 'http', scheme: 'basic', description: 'The token is the password; any user name is accepted.' },
        link: { type: 'apiKey', in: 'query', name: 'signature', description: 'A signed link: POST /api/v1/links.' },
      },
    },
  };
}

const ERROR: Json = {
  type: 'object',
  properties: {
    error: { type: 'string', description: 'For people.' },
    code: { enum: Object.keys(ERRORS), description: 'Stable, for programs.' },
  },
  required: ['error', 'code'],
  examples: [{ error: 'stream not found: /log', code: 'STREAM_NOT_FOUND' }],
};

/** `:id` becomes `{id}`; the rest of a path is one parameter, which may contain slashes. */
function pathOf({ pattern }: Route): string {
  return pattern.replace(/:(\w+)/g, '{$1}').replace(/\*$/, '{rest}');
}

const REST: RouteParameter = {
  name: 'rest',
  in: 'path',
  type: 'string',
  required: true,
  description: 'The path of the stream in its mount. Slashes need not be encoded.',
};

function operationOf(route: Route, refusals: Refusals): Json {
  const { answers, method, parameters, pattern, permission, summary } = route;
  const given = pattern.endsWith('*') ? [REST, ...parameters] : parameters;
  const responses: Record<string, unknown> = {};
  const errors = refusalsOf(route);
  for (const response of answers) responses[response.status] = responseOf(response);
  for (const [status, codes] of errors) {
    const known = answers.find((response) => response.status === status);
    responses[status] = known === undefined ? refusals.refTo(status, codes) : withError(known, codes);
  }
  return {
    operationId: `${method.toLowerCase()}${pattern.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase()).replace(/\W/g, '')}`,
    summary,
    security: securityOf(route),
    ...(permission === 'nothing' ? {} : { description: `Permission, if tokens are required: ${permission}.` }),
    parameters: given.flatMap((one) => (one.in === 'body' ? [] : [parameterOf(one)])),
    ...bodyOf(route),
    responses,
  };
}

function parameterOf(parameter: RouteParameter): Json {
  const { name, in: place, required, description } = parameter;
  return { name, in: place, required: required || place === 'path', description, schema: schemaOf(parameter) };
}

function securityOf({ link, permission }: Route): readonly Json[] {
  // On loopback no token is needed.
  if (permission === 'nothing') return [{}];
  return [{}, { bearer: [] }, { basic: [] }, ...(link === undefined ? [] : [{ link: [] }])];
}

function bodyOf({ body, parameters }: Route): Json {
  const fields = parameters.filter((one) => one.in === 'body');
  const json = {
    schema: {
      type: 'object',
      properties: Object.fromEntries(
        fields.map((one) => [one.name, { description: one.description, ...schemaOf(one) }]),
      ),
      required: fields.filter((one) => one.required).map((one) => one.name),
    },
  };
  const bytes = { [OCTET_STREAM]: {} };
  if (body === 'content') {
    const content = fields.length === 0 ? bytes : { [JSON_MEDIA_TYPE]: json, ...bytes };
    return { requestBody: { description: 'The bytes, whatever their type.', content } };
  }
  return fields.length === 0 ? {} : { requestBody: { required: true, content: { [JSON_MEDIA_TYPE]: json } } };
}

function responseOf({ content, description, headers }: RouteResponse): Json {
  return {
    description,
    headers: headersOf(headers ?? []),
    ...(content === undefined
      ? {}
      : { content: Object.fromEntries(Object.entries(content).map(([type, what]) => [type, mediaOf(what)])) }),
  };
}

type Content = NonNullable<RouteResponse['content']>[string];

function mediaOf(what: Content): Json {
  if (what === 'bytes') return {};
  if (what === 'text') return { schema: { type: 'string' } };
  if (typeof what === 'string') return { schema: refTo(what) };
  return { schema: { anyOf: (what as readonly string[]).map(refTo) } };
}

function refTo(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

function headersOf(names: readonly HeaderName[]): Json {
  return Object.fromEntries(
    [HEADERS.requestId, ...names].map((name) => [
      name,
      { description: HEADER_USES[name].meaning, schema: { type: 'string' } },
    ]),
  );
}

/** A status with two meanings, such as the 503 of readiness, which can also be an error. */
function withError(response: RouteResponse, codes: readonly ErrorCode[]): Json {
  const { content = {} } = response;
  const media = content[JSON_MEDIA_TYPE];
  const schemas = [...(media === undefined ? [] : [mediaOf(media).schema]), errorSchema(codes)];
  return { ...responseOf(response), content: { [JSON_MEDIA_TYPE]: { schema: { anyOf: schemas } } } };
}

function errorSchema(codes: readonly ErrorCode[]): Json {
  return { allOf: [refTo('Error'), { properties: { code: { enum: codes } } }] };
}

/** Refusals with the same status and codes are described once. */
class Refusals {
  readonly responses: Record<string, Json> = {};
  readonly #names = new Map<string, string>();

  refTo(status: number, codes: readonly ErrorCode[]): Json {
    const key = [...codes].sort().join(' ');
    let name = this.#names.get(key);
    if (name === undefined) {
      const variants = Object.keys(this.responses).filter((one) => one.startsWith(`Refused${status}`)).length;
      name = `Refused${status}${variants === 0 ? '' : `.${variants}`}`;
      this.#names.set(key, name);
      this.responses[name] = {
        description: codes.map((code) => `\`${code}\`: ${ERRORS[code].text}`).join('\n\n'),
        headers: headersOf([]),
        content: { [JSON_MEDIA_TYPE]: { schema: errorSchema(codes) } },
      };
    }
    return { $ref: `#/components/responses/${name}` };
  }
}
