/**
 * Requests of every kind, generated from the route table, so that a new route or parameter is fuzzed without a change here;
 * with valid, invalid and absurd values, and with bodies that are well-formed or not.
 */
import fc from 'fast-check';
import type { RouteParameter } from '../../../src/server/http/route.ts';
import { ROUTES } from '../../../src/server/index.ts';

interface RequestCase {
  method: string;
  target: string;
  version: string;
  headers: readonly string[];
  body: BodyCase;
}

type BodyCase =
  | { kind: 'none' }
  /** `declared` is the difference to the real length, in bytes. */
  | { kind: 'length'; bytes: string; declared: number }
  | { kind: 'chunked'; pieces: readonly string[]; broken: string | undefined };

/** A change to the final bytes of a connection. */
type Mutation =
  | { do: 'flip'; at: number; to: number }
  | { do: 'drop'; at: number; count: number }
  | { do: 'repeat'; at: number; count: number }
  | { do: 'insert'; at: number; text: string };

export interface ConnectionCase {
  requests: readonly RequestCase[];
  mutations: readonly Mutation[];
  /** Where to cut, as a fraction of the whole; undefined: nowhere. */
  cut: number | undefined;
  /** How to disconnect. */
  leave: 'end' | 'destroy' | 'resetAndDestroy';
  /** Sizes of the successive writes; empty: everything in one. */
  writes: readonly number[];
}

const PATHS = [
  '/streamfs/a',
  '/streamfs/b/c',
  '/streamfs/b',
  'streamfs//a/',
  '/streamfs',
  '/streamfs/README',
  '/memfs/f',
  '/memfs/d/g',
  '/memfs/d',
  '/memfs',
  '/dev/null',
  '/dev/zero',
  '/dev/random',
  '/dev',
  '/',
  '/more',
  '/more/x',
  '/streamfs/more/y',
  '/nowhere/x',
  '/streamfs/../x',
  '/streamfs/./a',
  '/streamfs/\u0000',
  '/streamfs/a\nb',
  '/streamfs/ü 日本 🎬',
  `/streamfs/${'n'.repeat(255)}`,
  `/streamfs/${'n'.repeat(256)}`,
  `/streamfs/${'p/'.repeat(2100)}`,
  '',
];

const VALUES: Record<RouteParameter['type'], readonly string[]> = {
  string: [
    'earliest',
    'live',
    'skip',
    'error',
    'lines',
    'raw',
    'frames',
    'drop-newest',
    'disconnect',
    'block',
    'streamfs',
    'memfs',
    'md5',
    'xxh3',
    'x',
    '(a+)+$',
    '[',
    '(?i)h',
    '',
    '\u0000',
    '__proto__',
    'constructor',
    '\ud83c',
    'y'.repeat(5000),
  ],
  integer: [
    '0',
    '1',
    '-1',
    '7',
    '3.5',
    '100000',
    '9007199254740991',
    '9007199254740992',
    '99999999999999999999',
    'NaN',
    '0x10',
    '1e3',
    ' 1',
    '',
  ],
  boolean: ['true', 'false', '1', '0', 'yes', ''],
  size: ['1', '0', '10KB', '1.5mb', '-1', '1e9', '99TB', '1PB', 'x'],
  duration: ['0', '1ms', '0.001', '5ms', '-1', '600h', 'x', '1e9'],
  mode: ['644', '0o755', '420', '99999', '-1', 'rwx'],
  object: [
    '{}',
    '{"ring_buffer_size":"64KB"}',
    '{"ring_buffer_size":-1}',
    '{"x":1}',
    '[]',
    'null',
    '{"__proto__":{"x":1}}',
  ],
};

const value = (parameter: RouteParameter): fc.Arbitrary<string> => {
  if (/path|Path/.test(parameter.name)) return fc.constantFrom(...PATHS);
  const known = fc.constantFrom(...VALUES[parameter.type]);
  return fc.oneof(
    { weight: 8, arbitrary: known },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  );
};

/** A lone surrogate cannot be encoded: it is sent as a careless client would send it. */
function encode(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return '%ED%A0%BC';
  }
}

/** `name=value` for some of the parameters, and nearly always for the required ones. */
function queryOf(parameters: readonly RouteParameter[]): fc.Arbitrary<string> {
  const parts = parameters.map((parameter) => {
    const given = value(parameter).map((text) => [`${parameter.name}=${encode(text)}`]);
    const often = parameter.required || parameter.name === 'timeout' ? 20 : 1;
    return fc.oneof({ weight: often, arbitrary: given }, { weight: 3, arbitrary: fc.constant([]) });
  });
  const stray = fc.oneof(
    { weight: 12, arbitrary: fc.constant<string[]>([]) },
    fc.constantFrom(['path=/streamfs/a'], ['x'], ['&&'], ['%'], ['%zz=%zz'], ['=;'], ['a=b#c'], ['path']),
  );
  return fc.tuple(...parts, stray).map((found) => found.flat().join('&'));
}

const TEXTS = [
  '',
  'x',
  'hello\n',
  'line one\nline two\n',
  'ü日本',
  '\u0000\u0001',
  'z'.repeat(3000),
  'w'.repeat(70_000),
  'v'.repeat(300_000),
];

/** A JSON field: mostly of its type, sometimes of another. */
function fieldOf(parameter: RouteParameter): fc.Arbitrary<[string, unknown][]> {
  const odd = fc.constantFrom<unknown>(null, 1, -1.5, true, [], {}, 'text', [[[]]], 1e308);
  const right = value(parameter).map((text): unknown => {
    if (parameter.type === 'boolean') return text === 'true';
    if (parameter.type === 'integer') return Number(text) || 0;
    if (parameter.type === 'object') return JSON.parse(text) as unknown;
    return text;
  });
  const safe =
    parameter.type === 'object' ? fc.constantFrom(...VALUES.object).map((text): unknown => JSON.parse(text)) : right;
  const one = fc
    .oneof({ weight: 6, arbitrary: safe }, { weight: 1, arbitrary: odd })
    .map((it): [string, unknown][] => [[parameter.name, it]]);
  return fc.oneof(
    { weight: parameter.required ? 12 : 2, arbitrary: one },
    { weight: 1, arbitrary: fc.constant<[string, unknown][]>([]) },
  );
}

function jsonOf(parameters: readonly RouteParameter[]): fc.Arbitrary<string> {
  const object = fc
    .tuple(...parameters.map(fieldOf))
    .map((fields) => JSON.stringify(Object.fromEntries(fields.flat())));
  const odd = fc.constantFrom(
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '{"path":',
    '\ufeff{}',
    '{"a":1}{"b":2}',
    '['.repeat(5000),
  );
  return fc.oneof({ weight: 8, arbitrary: object }, { weight: 1, arbitrary: odd });
}

/** Ways to break the chunked encoding, appended to the pieces. */
const BROKEN = [
  'zz\r\n',
  '-1\r\n',
  'fffffffffffffffff\r\n',
  '5\nhello',
  '5\r\nhelloXX',
  '5;ext=\u0000\r\nhello\r\n',
  '0\r\nbad trailer\r\n\r\n',
  '0x5\r\nhello\r\n',
  '5',
  '',
  '\r\n\r\n',
];

function bodyOf(content: fc.Arbitrary<string>): fc.Arbitrary<BodyCase> {
  return fc.oneof(
    { weight: 4, arbitrary: content.map((bytes): BodyCase => ({ kind: 'length', bytes, declared: 0 })) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('length' as const),
        bytes: content,
        declared: fc.constantFrom(-3, 1, 5, 100_000, 2 ** 40, Number.MIN_SAFE_INTEGER),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('chunked' as const),
        pieces: content.chain((text) =>
          fc.array(fc.nat({ max: 40 }), { maxLength: 5 }).map((cuts) => {
            const pieces: string[] = [];
            let rest = text;
            for (const cut of cuts) {
              pieces.push(rest.slice(0, cut));
              rest = rest.slice(cut);
            }
            return [...pieces, rest].filter((piece) => piece !== '');
          }),
        ),
        broken: fc.option(fc.constantFrom(...BROKEN), { nil: undefined, freq: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant<BodyCase>({ kind: 'none' }) },
  );
}

/** The host that the server accepts; any other name is 403. */
const HOST = 'Host: localhost';

const HEADERS = [
  HOST,
  'Host: elsewhere.example',
  'Connection: close',
  'Connection: keep-alive',
  'Expect: 100-continue',
  'Expect: the unexpected',
  'Accept: application/vnd.streamfs.frames',
  'Accept-Encoding: gzip',
  'Content-Type: application/json',
  'Content-Type: text/plain; charset=utf-16',
  'Upgrade: websocket\r\nConnection: Upgrade',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'Range: bytes=0-5',
  'If-None-Match: *',
  `X-Long: ${'x'.repeat(20_000)}`,
  'X-Fold: a\r\n b',
  'X-Bad\u0000: 1',
  ': no name',
  'Trailer: X',
  'Producer-Id: p',
  'Producer-Id: p\r\nProducer-Epoch: 0\r\nProducer-Seq: 0',
  'Producer-Id: p\r\nProducer-Epoch: 0\r\nProducer-Seq: 1',
  'Producer-Id: p\r\nProducer-Epoch: 1\r\nProducer-Seq: 0',
  'Producer-Id: \r\nProducer-Epoch: -1\r\nProducer-Seq: 99999999999999999',
  'X-Request-Id: fuzz-1',
];

/** A request that the client of this package would send for a route, more or less. */
function requestFor(route: (typeof ROUTES)[number]): fc.Arbitrary<RequestCase> {
  const of = (place: RouteParameter['in']) => route.parameters.filter((parameter) => parameter.in === place);
  const id = fc.constantFrom('1', '2', '3', '4', '0', '-1', 'x', '99999999999999999999', '%31');
  const path = fc.tuple(id).map(([it]) => route.pattern.replace(/:\w+/, it));
  const content =
    of('body').length > 0 ? fc.oneof(jsonOf(of('body')), fc.constantFrom(...TEXTS)) : fc.constantFrom(...TEXTS);
  const hasBody = route.method === 'PUT' || route.method === 'POST';
  const method = fc.oneof(
    { weight: 20, arbitrary: fc.constant<string>(route.method) },
    { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'GET', 'PUT', 'POST', 'DELETE') },
  );
  return fc
    .record({
      method,
      path,
      query: queryOf(of('query')),
      version: fc.oneof({ weight: 12, arbitrary: fc.constant('1.1') }, fc.constantFrom('1.0', '0.9', '2.0')),
      headers: fc.oneof(
        { weight: 4, arbitrary: fc.constant([HOST]) },
        { weight: 1, arbitrary: fc.subarray(HEADERS, { maxLength: 4 }) },
      ),
      body: hasBody
        ? bodyOf(content)
        : fc.oneof({ weight: 8, arbitrary: fc.constant<BodyCase>({ kind: 'none' }) }, bodyOf(content)),
    })
    .map(({ path: pathname, query, ...rest }) => ({
      ...rest,
      target: query === '' ? pathname : `${pathname}?${query}`,
    }));
}

const STRAY_TARGETS = [
  '*',
  '/',
  '//',
  '/api/v1',
  '/api/v1/',
  '/api/v1/files/',
  '/api/v1/%66iles?path=/',
  '/api/v2/files',
  'http://x/api/v1/version',
  '/api/v1/../../etc/passwd',
  '/%',
  '/api/v1/handles/1/nothing',
  '?',
  '#',
  '/api/v1/version?%00=%00',
];

const request: fc.Arbitrary<RequestCase> = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(...ROUTES).chain(requestFor) },
  {
    weight: 1,
    arbitrary: fc.record({
      method: fc.constantFrom('GET', 'OPTIONS', 'POST', 'CONNECT', 'PRI', 'get', ''),
      target: fc.constantFrom(...STRAY_TARGETS),
      version: fc.constant('1.1'),
      headers: fc.constant([HOST]),
      body: fc.constant<BodyCase>({ kind: 'none' }),
    }),
  },
);

const where = fc.double({ min: 0, max: 1, noNaN: true });
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ do: fc.constant('flip' as const), at: where, to: fc.nat({ max: 255 }) }),
  fc.record({ do: fc.constant('drop' as const), at: where, count: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ do: fc.constant('repeat' as const), at: where, count: fc.integer({ min: 1, max: 200 }) }),
  fc.record({
    do: fc.constant('insert' as const),
    at: where,
    text: fc.constantFrom(
      '\r\n',
      '\r\n\r\n',
      '\n',
      '\0',
      ' ',
      ':',
      'Content-Length: 1\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\xff\xfe',
      '%',
      'HTTP/1.1',
    ),
  }),
);

export const connection: fc.Arbitrary<ConnectionCase> = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 5 }),
  mutations: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(mutation, { minLength: 1, maxLength: 3 })),
  cut: fc.option(where, { nil: undefined, freq: 3 }),
  leave: fc.constantFrom('end' as const, 'destroy' as const, 'resetAndDestroy' as const),
  writes: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 3 }),
  ),
});

/** The bytes of a request. */
function bytesOf({ method, target, version, headers, body }: RequestCase): Buffer {
  const lines = [`${method} ${target} HTTP/${version}`, ...headers];
  let content = '';
  if (body.kind === 'length') {
    lines.push(`Content-Length: ${Buffer.byteLength(body.bytes) + body.declared}`);
    content = body.bytes;
  } else if (body.kind === 'chunked') {
    lines.push('Transfer-Encoding: chunked');
    content = body.pieces.map((piece) => `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`).join('');
    content += body.broken ?? '0\r\n\r\n';
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${content}`);
}

/** The bytes sent over a connection, mutated and cut. */
export function wireBytes({ requests, mutations, cut }: ConnectionCase): Buffer {
  let bytes: Buffer = Buffer.concat(requests.map(bytesOf));
  for (const one of mutations) {
    const at = Math.floor(one.at * bytes.length);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (one.do === 'flip') bytes = Buffer.concat([before, Buffer.of(one.to), after.subarray(1)]);
    else if (one.do === 'drop') bytes = Buffer.concat([before, after.subarray(one.count)]);
    else if (one.do === 'repeat') bytes = Buffer.concat([before, after.subarray(0, one.count), after]);
    else bytes = Buffer.concat([before, Buffer.from(one.text, 'latin1'), after]);
  }
  return cut === undefined ? bytes : bytes.subarray(0, Math.floor(cut * bytes.length));
}

/** Whether a request is entirely valid, and its response has an end. */
function isPlain({ method, target, version, headers, body }: RequestCase): boolean {
  const declared = body.kind !== 'length' || body.declared === 0;
  const whole = body.kind !== 'chunked' || body.broken === undefined;
  const endless = /stream|[/]read\?/.test(target);
  return (
    /^(GET|PUT|POST|DELETE)$/.test(method) &&
    version === '1.1' &&
    headers.join() === HOST &&
    declared &&
    whole &&
    !endless
  );
}

/** How many responses are required; undefined if that cannot be determined. */
export function responsesDue({ requests, mutations, cut }: ConnectionCase): number | undefined {
  return mutations.length === 0 && cut === undefined && requests.every(isPlain) ? requests.length : undefined;
}
