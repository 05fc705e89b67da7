/** The OpenAPI document (contract 104): valid by itself, and consistent with the server. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { ERRORS } from '../../src/errors/index.ts';
import { type Right, ROUTES, Tokens } from '../../src/server/index.ts';
import { type Running, start } from './harness.ts';

interface Parameter {
  name: string;
  in: 'query' | 'path';
  required: boolean;
  schema: Schema;
}

interface Schema {
  type?: string | string[];
  enum?: string[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
}

interface Response {
  $ref?: string;
  description: string;
  content?: Record<string, { schema?: object }>;
}

interface Operation {
  summary: string;
  parameters: Parameter[];
  requestBody?: { content: Record<string, { schema?: Schema }> };
  responses: Record<string, Response>;
}

interface Document {
  openapi: string;
  info: { license: { name: string; identifier: string } };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema & { examples?: unknown[] }>; responses: Record<string, Response> };
}

const durableStreams = { mount: '/s', prefixes: ['/api/v1x'], longPollTimeout: 20 };
const mounted = { '/s': 'streamfs', '/mem': 'memfs', '/dev': 'devfs' };

const described = async () => {
  const at = await start({ mounted, durableStreams });
  const document = (await at.call('GET', '/openapi.json')).json() as unknown as Document;
  return { at, document };
};

/** Checks values against schemas of the document. */
function validators(document: Document) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'doc', components: document.components });
  const known = new Map<string, ValidateFunction>();
  return (schema: object, value: unknown): string | undefined => {
    const key = JSON.stringify(schema);
    const validate = known.get(key) ?? ajv.compile(JSON.parse(key.replaceAll('"#/', '"doc#/')));
    known.set(key, validate);
    return validate(value) ? undefined : `${ajv.errorsText(validate.errors)} in ${JSON.stringify(value).slice(0, 300)}`;
  };
}

describe('GET /openapi.json', () => {
  it('contract 104: is an OpenAPI document of version 3.1', async () => {
    const { document } = await described();
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document) as never);
    expect(result).toMatchObject({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  it('contract 104: has every route with every parameter, and examples that fit', async () => {
    const { document } = await described();
    for (const route of ROUTES) {
      const path = route.pattern.replace(/:(\w+)/g, '{$1}');
      const operation = document.paths[path]?.[route.method.toLowerCase()];
      const json = operation?.requestBody?.content['application/json']?.schema;
      const names = [...(operation?.parameters ?? []).map(({ name }) => name), ...Object.keys(json?.properties ?? {})];
      expect([path, ...names]).toEqual([path, ...new Set([...route.parameters].map(({ name }) => name))]);
    }
    expect(Object.keys(document.paths)).toContain('/api/v1x/{rest}');
    const fault = validators(document);
    for (const [name, { examples = [] }] of Object.entries(document.components.schemas)) {
      for (const example of examples) {
        expect(fault({ $ref: `#/components/schemas/${name}` }, example)).toBeUndefined();
      }
    }
    for (const path of Object.values(document.paths)) {
      for (const { parameters } of Object.values(path)) {
        for (const { schema } of parameters)
          for (const one of schema.examples ?? []) expect(fault(schema, one)).toBeUndefined();
      }
    }
  });

  it('contract 104: names every error that a request can come to', async () => {
    const { document } = await described();
    const named = JSON.stringify(document);
    /** Errors of the library, the command line and other entry points, and of connections without a request. */
    const elsewhere = [
      ...['READ_TIMEOUT', 'PLUGIN_EXISTS', 'LISTEN_FAILED', 'ROUTE_NOT_FOUND', 'METHOD_NOT_ALLOWED'],
      ...['INVALID_MESSAGE', 'DISK_FORMAT', 'DISK_LOCKED', 'LOG_REFUSED'],
    ];
    const missing = Object.keys(ERRORS).filter((code) => !named.includes(`\`${code}\``));
    expect(missing.filter((code) => !elsewhere.includes(code))).toEqual([]);
  });

  it('contract 104: names the licence of the package', async () => {
    const { document } = await described();
    expect(document.info.license.identifier).toBe(packageJson.license);
  });

  it('contract 104: takes a size for right that the server takes, and no other', async () => {
    const { at, document } = await described();
    await at.post('/mount', { path: '/s', fstype: 'streamfs' });
    await at.call('PUT', '/files?path=/s/log', { body: 'x' });
    const { schema } = document.paths['/api/v1/files']!.get!.parameters.find(({ name }) => name === 'last')!;
    const fault = validators(document);
    const texts = [
      '0',
      '1',
      '512KB',
      '1.5mb',
      '1 Kb',
      '2\tB',
      '1TB',
      '512K',
      '5 M',
      '1P',
      '1PB',
      '1KiB',
      '1\nB',
      '-1',
      '',
    ];
    const taken = await Promise.all(
      texts.map(async (text) => {
        const { status } = await at.call('GET', `/files?path=/s/log&snapshot=true&last=${encodeURIComponent(text)}`);
        return [text, status === 200];
      }),
    );
    expect(texts.map((text) => [text, fault(schema, text) === undefined])).toEqual(taken);
  });

  it('is made once, and not sent to those who have it', async () => {
    const { at } = await described();
    const first = await at.call('GET', '/openapi.json');
    const { etag = '' } = first.headers;
    expect(first.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-cache' });
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await at.call('GET', '/openapi.json', { headers: { 'If-None-Match': tag } });
      expect([again.status, again.text, again.headers.etag]).toEqual([304, '', etag]);
    }
    expect((await at.call('GET', '/openapi.json', { headers: { 'If-None-Match': '"other"' } })).text).toBe(first.text);
    const head = await at.call('HEAD', '/openapi.json');
    expect([head.status, head.headers['content-length']]).toEqual([200, String(first.body.length)]);
  });
});

// ── server and document together ─────────────────────────────────────────────────────────────────────────────────────

interface Asked {
  method: string;
  target: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** Paths of existing and absent files. */
const PATHS = [
  ...['/s/log', '/s/ended', '/s/new', '/s/README', '/mem/file', '/mem/dir', '/mem/none', '/dev/null'],
  ...['/', '/s', '/none', 'relative', '/s/../x', '/mem/dir/deep'],
];

function rightOf(name: string, { type, enum: words, minimum, maximum }: Schema): fc.Arbitrary<string> {
  const has = (one: string) => type === one || (Array.isArray(type) && type.includes(one));
  if (words !== undefined) return fc.constantFrom(...words);
  if (name === 'path' || name === 'newPath' || name === 'target') return fc.constantFrom(...PATHS);
  if (name === 'rest') return fc.constantFrom('log', 'ended', 'new', 'a/b');
  if (name === 'id') return fc.constantFrom('1', '2', '3', '99', 'x', '-1', '1.5', '99999999999999999999999');
  if (name === 'timeout' || name === 'heartbeat') return fc.constantFrom('0', '10ms', '0.01');
  if (name === 'type') return fc.constantFrom('text/plain', 'audio/ogg');
  if (name === 'size' && type === 'integer') return fc.constantFrom('0', '1', '10');
  if (name === 'create' || name === 'recursive') return fc.constantFrom('true', 'false');
  if (has('boolean')) return fc.constantFrom('true', 'false', '1', '0');
  if (has('string') && has('integer')) return fc.constantFrom('1', '512', '1KB', '644');
  if (has('string') && has('number')) return fc.constantFrom('0', '1', '500ms', '5m');
  if (has('integer')) return fc.integer({ min: minimum ?? -5, max: Math.min(maximum ?? 100, 100) }).map(String);
  return fc.constantFrom('x', 'a b', 'é');
}

/** Invalid values. */
function brokenOf({ type, enum: words, minimum }: Schema): fc.Arbitrary<string> {
  const has = (one: string) => type === one || (Array.isArray(type) && type.includes(one));
  if (words !== undefined) return fc.constantFrom('nonsense', '', words[0]!.toUpperCase());
  if (has('integer') || has('number')) {
    const below = minimum === undefined ? [] : [String(minimum - 1)];
    return fc.constantFrom('', 'x', '1e9', '0x10', '99999999999999999999', 'NaN', '1.5.5', ...below);
  }
  if (has('boolean')) return fc.constantFrom('', 'yes', '2', 'TRUE!');
  return fc.constantFrom('', '\u0000', 'x'.repeat(5000));
}

/** A request generated from the document, with at most one parameter that is wrong, missing or repeated. */
function requestOf(path: string, method: string, operation: Operation): fc.Arbitrary<Asked> {
  const { parameters, requestBody } = operation;
  const json = requestBody?.content['application/json']?.schema;
  const optionals = parameters.map((one) =>
    one.required ? fc.constant(true) : fc.boolean().chain((yes) => fc.boolean().map((also) => yes && also)),
  );
  const values = parameters.map((one) => rightOf(one.name, one.schema));
  const broken = parameters.map((one) => brokenOf(one.schema));
  return fc
    .record({
      given: fc.tuple(...optionals),
      values: fc.tuple(...values),
      broken: fc.tuple(...broken),
      /** Beyond the last one, no parameter is wrong. A wrong path would be another route. */
      wrong: fc.nat({ max: parameters.length * 2 }).filter((n) => parameters[n]?.in !== 'path'),
      how: fc.constantFrom('wrong', 'missing', 'twice'),
      fields: fc.record(
        Object.fromEntries(
          Object.entries(json?.properties ?? {}).map(([name, schema]) => [
            name,
            fc.oneof(
              { weight: 4, arbitrary: rightOf(name, schema) },
              { weight: 1, arbitrary: fc.constantFrom(null, 1, {}, 'x') },
            ),
          ]),
        ),
        { requiredKeys: json?.required ?? [] },
      ),
      body: fc.constantFrom('text\n', '{"a": 1}\n', ''),
      asJson: fc.boolean(),
      accept: fc.constantFrom('*/*', 'text/event-stream', 'application/vnd.streamfs.frames'),
    })
    .map(({ given, values: right, broken: bad, wrong, how, fields, body, asJson, accept }) => {
      let target = path;
      const query = new URLSearchParams();
      for (const [n, { name, in: place }] of parameters.entries()) {
        const value = n === wrong && how === 'wrong' ? bad[n]! : right[n]!;
        if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(value));
        else if (n === wrong && how === 'missing') continue;
        else if (given[n] || n === wrong) query.append(name, value);
        if (n === wrong && how === 'twice' && place === 'query') query.append(name, value);
      }
      // A live read without a timeout would wait for ever.
      if (!query.has('timeout') && parameters.some(({ name }) => name === 'timeout')) query.append('timeout', '5ms');
      if (query.get('live') === 'sse') query.set('live', 'long-poll');
      const headers: Record<string, string> = { Accept: accept };
      let sent: string | undefined;
      if (requestBody !== undefined && method !== 'get') {
        const isJson = json !== undefined && (asJson || requestBody.content['application/octet-stream'] === undefined);
        headers['Content-Type'] = isJson ? 'application/json' : 'text/plain';
        sent = isJson ? JSON.stringify(fields) : body;
      }
      return {
        method: method.toUpperCase(),
        target: query.size === 0 ? target : `${target}?${query}`,
        headers,
        body: sent,
      };
    });
}

/** The documentation of a response, or how the response deviates. */
function faultOf(
  { components }: Document,
  operation: Operation,
  response: Awaited<ReturnType<Running['call']>>,
  invalid: ReturnType<typeof validators>,
): string | undefined {
  const found = operation.responses[response.status];
  if (found === undefined) return `status ${response.status} is not documented: ${response.text.slice(0, 200)}`;
  const documented = found.$ref === undefined ? found : components.responses[found.$ref.split('/').at(-1)!]!;
  const { content } = documented;
  if (content === undefined)
    return response.body.length === 0 ? undefined : `a body is not documented: ${response.text}`;
  const type = (response.headers['content-type'] ?? 'none').split(';')[0]!;
  const media = content[type] ?? content[`${type.split('/')[0]}/*`] ?? content['*/*'];
  if (media === undefined) return `${type} is not documented for ${response.status}: ${response.text.slice(0, 200)}`;
  if (media.schema === undefined || type !== 'application/json') return undefined;
  return invalid(media.schema, response.json());
}

async function prepare(at: Running) {
  for (const [path, fstype] of Object.entries(mounted)) await at.post('/mount', { path, fstype });
  await at.call('PUT', '/files?path=/s/log&type=text/plain', { body: 'one\ntwo\n' });
  await at.call('PUT', '/files?path=/s/ended&end=true', { body: 'all' });
  await at.call('PUT', '/files?path=/mem/file', { body: 'a file\n' });
  await at.call('POST', '/directories?path=/mem/dir');
  for (const path of ['/s/log', '/mem/file']) await at.call('POST', `/handles/open?path=${path}&flags=2`);
}

/** All methods that a client may send, documented or not. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'];
const ODD_BODIES = [
  '',
  '{',
  '[]',
  'null',
  '"text"',
  '{"path": 1}',
  '{"path": "/s/log", "path": []}',
  '\u0000\u00ff',
  'x'.repeat(2000),
];

interface Odd {
  method: string;
  accept: string;
  contentType: string;
  query: string;
  body: string;
}

const oddRequest: fc.Arbitrary<Odd> = fc.record({
  method: fc.constantFrom(...METHODS),
  accept: fc.constantFrom('*/*', 'text/html', 'text/event-stream', 'nonsense', 'application/json;q=0'),
  contentType: fc.constantFrom('application/json', 'text/plain', 'multipart/form-data', 'nonsense'),
  query: fc.constantFrom(
    ...[
      '',
      'path=/s/log',
      'path=/s/log&path=/s/ended',
      'path',
      'path=%2',
      'path=%ff',
      'x=1',
      '&&==&',
      'path=/s/log&x=1',
    ],
    ...['path=/mem/file&offset=-1', 'path=/s/log&stream=perhaps', 'expires=1&signature=x&path=/s/log', 'live=nonsense'],
  ),
  body: fc.constantFrom(...ODD_BODIES),
});

/** The response of a path to a method that the document does not list for it. */
function faultOfOther(method: string, { headers, status, text, ...response }: Awaited<ReturnType<Running['call']>>) {
  if (method === 'OPTIONS' && status === 204) return headers.allow === undefined ? 'no Allow' : undefined;
  const refused = new Map([
    [400, 'BAD_REQUEST'],
    [405, 'METHOD_NOT_ALLOWED'],
  ]);
  if (!refused.has(status)) return `status ${status} for a method that is not documented: ${text}`;
  return method === 'HEAD' || response.json().code === refused.get(status) ? undefined : text;
}

/** A server with all features, tokens and the page included, and the credentials of its callers. */
async function guarded() {
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-openapi-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'assets'));
  const files = { 'index.html': 'text/html;charset=utf-8', 'assets/a-1.js': 'text/javascript;charset=utf-8' };
  for (const name of Object.keys(files)) writeFileSync(join(folder, name), '<!doctype html>');
  const manifest = Object.entries(files).map(([name, type]) => ({ name, type, hashed: false }));
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const token = (name: string, ...rights: Right[]) => ({
    name,
    sha256: createHash('sha256').update(name).digest('hex'),
    rights,
    paths: ['/**'],
  });
  const tokens = new Tokens([token('everything', 'read', 'write', 'admin'), token('reading', 'read')]);
  const at = await start({ mounted, durableStreams, uiFolder: folder, tokens });
  const asAdmin: Running = {
    ...at,
    call: (method, target, { headers, ...parts } = {}) =>
      at.call(method, target, { ...parts, headers: { Authorization: 'Bearer everything', ...headers } }),
  };
  return { at, asAdmin };
}

describe('the server and its description', () => {
  it('contract 104: every response to requests made from the document, right and wrong ones, is documented', async () => {
    const { at, document } = await described();
    const invalid = validators(document);
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    for (const { path, method, operation } of operations) {
      await prepare(at);
      await fc.assert(
        fc.asyncProperty(requestOf(path, method, operation), async (asked) => {
          const response = await at.call(asked.method, asked.target, {
            ...(asked.body === undefined ? {} : { body: asked.body }),
            headers: asked.headers,
          });
          const fault = faultOf(document, operation, response, invalid);
          if (fault !== undefined) throw new Error(`${asked.method} ${asked.target} ${asked.body ?? ''}: ${fault}`);
        }),
        { numRuns: 15 },
      );
    }
  });

  it.each([
    ['no token', undefined],
    ['a token that may only read', 'Bearer reading'],
    ['a token that may do everything', 'Bearer everything'],
    ['a token that is not known', 'Bearer nothing'],
  ])('contract 104: every response to any request with %s is documented', async (_whose, authorization) => {
    const { asAdmin, at } = await guarded();
    const document = (await at.call('GET', '/openapi.json')).json() as unknown as Document;
    const invalid = validators(document);
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/', '/ui/', '/ui/{name}', '/metrics']));
    const given = authorization === undefined ? {} : { Authorization: authorization };
    const ask = async (asked: Asked, operation: Operation | undefined) => {
      const response = await at.call(asked.method, asked.target, {
        ...(asked.body === undefined ? {} : { body: asked.body }),
        headers: { ...given, ...asked.headers },
      });
      const fault =
        operation === undefined
          ? faultOfOther(asked.method, response)
          : asked.method === 'HEAD'
            ? operation.responses[response.status] === undefined &&
              `status ${response.status} is not documented for HEAD`
            : faultOf(document, operation, response, invalid);
      if (fault) throw new Error(`${asked.method} ${asked.target} ${asked.body ?? ''}: ${fault}`);
    };
    for (const [path, methods] of Object.entries(document.paths)) {
      await prepare(asAdmin);
      for (const [method, operation] of Object.entries(methods)) {
        await fc.assert(
          fc.asyncProperty(requestOf(path, method, operation), (asked) => ask(asked, operation)),
          { numRuns: 4 },
        );
      }
      // An admin's request would remove what the next request needs; and a live read needs an end.
      const odd = oddRequest.filter(({ query }) => authorization !== 'Bearer everything' || !query.includes('live'));
      await fc.assert(
        fc.asyncProperty(odd, async ({ accept, body, contentType, method, query }) => {
          const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => (name === 'id' ? '1' : 'log'));
          const until = methods.get?.parameters.some(({ name }) => name === 'timeout') ? '&timeout=5ms' : '';
          const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
          await ask(
            {
              method,
              target: `${filled}?${query}${until}`,
              headers: { Accept: accept, ...(hasBody ? { 'Content-Type': contentType } : {}) },
              body: hasBody ? body : undefined,
            },
            methods[method === 'HEAD' ? 'get' : method.toLowerCase()],
          );
        }),
        { numRuns: 8 },
      );
    }
  });
});
