/** Configuration files, broken as people break them: the result is a usable configuration, or an error that says where. */
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { sampleConfig } from '../../src/app/index.ts';
import { type Config, parseConfig } from '../../src/config/index.ts';
import { isStreamFSError } from '../../src/errors/index.ts';
import { normalizePath } from '../../src/fs/index.ts';
import { fuzz } from './run-length.ts';

const YAML = `# A configuration
server:
  address: 127.0.0.1:9000
  log_level: debug
  max_request_body_bytes: 1.5MB
  shutdown_timeout: 250ms
plugins:
  streamfs:
    - {name: audio, path: /audio, config: {ring_buffer_size: 512KB, on_lag: drop-newest}}
    - name: video
      path: /video
      enabled: false
      config:
        ring_buffer_size: "8MB"
  memfs:
    path: '/files'
  devfs:
`;

const TOML = `# A configuration
server.log_level = "warn"
[server]
address = ":9000"
shutdown_timeout = "2s"
[[plugins.streamfs]]
name = "audio"
path = "/audio"
config = { ring_buffer_size = "512KB", auto_create = false }
[[plugins.streamfs]]
name = 'video'
path = '/video'
[plugins.streamfs.config]
ring_buffer_size = 8_388_608
[plugins.memfs]
path = """
/files"""
`;

/** Inserted, or replacing something: text that means something to a parser, and absurd values. */
const TOKENS = [
  ...[
    '\n',
    '\t',
    ' ',
    '  ',
    ':',
    ': ',
    '- ',
    '?',
    '#',
    '"',
    "'",
    '"""',
    "'''",
    '{',
    '}',
    '[',
    ']',
    '[[',
    ']]',
    ',',
    '=',
  ],
  ...[
    '&a ',
    '*a',
    '&a [*a, *a]',
    '<<: *a',
    '!!js/function ',
    '!!binary ',
    '!tag ',
    '|',
    '>',
    '---\n',
    '...\n',
    '%YAML 9.9\n',
    '~',
  ],
  ...[
    'null',
    'true',
    'no',
    '1e999',
    '-1',
    '0x10',
    '.nan',
    '.inf',
    '2026-01-01',
    '1_000',
    '9007199254740993',
    '\\u0000',
    '\\ud800',
  ],
  ...[
    'server:',
    'plugins:',
    'path: /a',
    'config:',
    'enabled: maybe',
    'address: "x"',
    '__proto__:',
    'constructor: {prototype: {polluted: 1}}',
  ],
  ...[
    '[server]',
    '[[plugins]]',
    '[__proto__]',
    'polluted = 1',
    'a.b.c = 1',
    '\ufeff',
    '\u2028',
    '\0',
    '\ud800',
    '日本',
    'x'.repeat(2000),
  ],
  ...[
    '{'.repeat(300),
    '['.repeat(300),
    '- '.repeat(300),
    '  '.repeat(500),
    '0KB',
    '99PB',
    '600h',
    ':::::',
    '[::1]:80',
    '/../x',
    '//',
  ],
];

type Edit = { at: number; take: number; put: string } | { line: number; do: 'drop' | 'twice' | 'swap' | 'indent' };

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    take: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 30 })),
    put: fc.oneof(fc.constantFrom('', ...TOKENS), fc.string({ unit: 'binary', maxLength: 5 })),
  }),
  fc.record({ line: fc.nat({ max: 200 }), do: fc.constantFrom('drop' as const, 'twice', 'swap', 'indent') }),
);

function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((now, one) => {
    if ('at' in one) {
      const at = Math.floor(one.at * now.length);
      return now.slice(0, at) + one.put + now.slice(at + one.take);
    }
    const lines = now.split('\n');
    const at = one.line % lines.length;
    const line = lines[at]!;
    if (one.do === 'drop') lines.splice(at, 1);
    else if (one.do === 'twice') lines.splice(at, 0, line);
    else if (one.do === 'indent') lines[at] = ` ${line}`;
    else lines.splice(at, 2, ...lines.slice(at, at + 2).reverse());
    return lines.join('\n');
  }, text);
}

/** Checks what the rest of the program assumes about a configuration. */
function checkUsable({ server, mounts }: Config): void {
  expect(server.address.port).toBeGreaterThanOrEqual(0);
  expect(server.address.port).toBeLessThanOrEqual(65_535);
  expect(server.address.host).not.toBe('');
  expect(['trace', 'debug', 'info', 'warn', 'error', 'silent']).toContain(server.logLevel);
  for (const number of [server.maxRequestBodyBytes, server.shutdownTimeout, server.tcpKeepAlive]) {
    expect(Number.isSafeInteger(number) && number >= 0).toBe(true);
  }
  expect(typeof server.noAuth).toBe('boolean');
  expect(new Set(mounts.map(({ path }) => path)).size).toBe(mounts.length);
  for (const { path, plugin, config } of mounts) {
    expect(normalizePath(path)).toBe(path);
    expect([typeof plugin, plugin]).not.toEqual(['string', '']);
    expect(typeof config).toBe('object');
  }
}

describe('a configuration file', () => {
  fuzz('that is broken anyhow is used, or refused with a line for each thing that is wrong', 'config', () =>
    fc.property(
      fc.constantFrom(
        [YAML, 'c.yaml'],
        [TOML, 'c.toml'],
        [sampleConfig(), 'c.yaml'],
        [YAML, 'config'],
        [TOML, 'config'],
      ),
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      ([text = '', file = ''], edits) => {
        const broken = edited(text, edits);
        try {
          checkUsable(parseConfig(broken, file));
        } catch (error) {
          if (!isStreamFSError(error, 'CONFIG_INVALID')) throw error;
          for (const line of error.message.split('\n')) {
            expect(line).toMatch(new RegExp(`^${file.replace('.', '\\.')}(:\\d+)?: \\P{Cc}{1,801}$`, 'u'));
            expect(line).not.toMatch(/\[object|: undefined|NaN$/);
          }
          expect(error.message.length).toBeLessThan(20_000);
          const lineNumber = /^[^:]+:(\d+): /.exec(error.message)?.[1];
          if (lineNumber !== undefined) {
            expect(Number(lineNumber)).toBeGreaterThan(0);
            expect(Number(lineNumber)).toBeLessThanOrEqual(broken.split('\n').length);
          }
        }
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      },
    ),
  );
});
