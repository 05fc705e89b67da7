import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  configOf,
  configSchema,
  defaultConfig,
  loadConfig,
  parseConfig,
  sampleConfig,
} from '../../src/config/index.ts';
import { StreamFSError } from '../../src/errors/index.ts';

/** The error for a text, line by line. */
function refusal(text: string, file = 'c.yaml'): string[] {
  try {
    parseConfig(text, file);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message.split('\n');
  }
  throw new Error('the configuration was accepted');
}

const YAML = `
server:
  address: ":9000"
  log_level: debug
  max_request_body_bytes: 67108864
plugins:
  streamfs:
    enabled: true
    path: /streams
    config:
      ring_buffer_size: 1MB
  memfs:
    enabled: false
    path: /memfs
  devfs:
`;

const TOML = `
[server]
address = ":9000"
log_level = "debug"
max_request_body_bytes = 67108864

[plugins.streamfs]
enabled = true
path = "/streams"

  [plugins.streamfs.config]
  ring_buffer_size = "1MB"

[plugins.memfs]
enabled = false
path = "/memfs"

[plugins.devfs]
`;

describe('defaults', () => {
  it('contract 79: without a configuration the server listens on loopback, port 8080', () => {
    expect(defaultConfig().server).toMatchObject({
      address: { host: '127.0.0.1', port: 8080 },
      logLevel: 'info',
      maxRequestBodyBytes: 64 * 1024 * 1024,
      maxJsonBodyBytes: 1024 * 1024,
      shutdownTimeout: 5000,
      tcpKeepAlive: 30_000,
      sharedReads: 'auto',
      noAuth: false,
    });
  });

  it('mounts every built-in plugin', () => {
    expect(defaultConfig().mounts).toEqual([
      { plugin: 'streamfs', path: '/streamfs', config: {} },
      { plugin: 'memfs', path: '/memfs', config: {} },
      { plugin: 'devfs', path: '/dev', config: {} },
    ]);
  });

  it.each(['', '# nothing\n', '{}', 'server:\nplugins:\n', '---\n'])('are what %j loads to', (text) => {
    expect(parseConfig(text, 'c.yaml')).toEqual(defaultConfig());
  });

  it('are what an empty TOML file loads to', () => {
    expect(parseConfig('# nothing\n', 'c.toml')).toEqual(defaultConfig());
  });

  it('contract 92: mount nothing but /dev where the plugins are an empty mapping or list', () => {
    const dev = [{ plugin: 'devfs', path: '/dev', config: {} }];
    expect(parseConfig('plugins: {}', 'c.yaml').mounts).toEqual(dev);
    expect(parseConfig('plugins: []', 'c.yaml').mounts).toEqual(dev);
  });
});

describe('formats', () => {
  it('contract 84: YAML and TOML load to the same', () => {
    const yaml = parseConfig(YAML, 'c.yaml');
    const toml = parseConfig(TOML, 'c.toml');
    expect(yaml.server).toEqual(toml.server);
    expect(yaml.server.address).toEqual({ host: '127.0.0.1', port: 9000 });
    const bare = (config: typeof yaml) => config.mounts.map(({ where: _, ...mount }) => mount);
    expect(bare(yaml)).toEqual(bare(toml));
    expect(bare(yaml)).toEqual([
      { plugin: 'streamfs', path: '/streams', config: { ring_buffer_size: '1MB' } },
      { plugin: 'devfs', path: '/dev', config: {} },
    ]);
  });

  it('contract 84: the content tells the format where the name does not', () => {
    expect(parseConfig(TOML, 'config').server).toEqual(parseConfig(YAML, 'config').server);
    expect(parseConfig('server.log_level = "warn"', 'streamfs.conf').server.logLevel).toBe('warn');
    expect(parseConfig('{"server": {"log_level": "warn"}}', 'streamfs.json').server.logLevel).toBe('warn');
  });

  it('accepts sizes and durations with units', () => {
    const { server } = parseConfig('server: {max_request_body_bytes: 1.5 mb, shutdown_timeout: 250ms}', 'c.yaml');
    expect(server).toMatchObject({ maxRequestBodyBytes: 1.5 * 1024 * 1024, shutdownTimeout: 250 });
  });

  it('takes a keepalive that the system can keep: none, or from a second to nine hours', () => {
    const read = (value: string) => parseConfig(`server: {tcp_keepalive: ${value}}`, 'c.yaml').server.tcpKeepAlive;
    expect(['0', '1s', '1500ms', '9h'].map(read)).toEqual([0, 1000, 1500, 32_400_000]);
    for (const refused of ['999ms', '10h']) expect(() => read(refused)).toThrow(/expected 0, or 1s to 9h/);
  });

  it('keeps the line of each plugin for its own errors', () => {
    expect(parseConfig(YAML, 'c.yaml').mounts.map((mount) => mount.where)).toEqual(['c.yaml:7', 'c.yaml:15']);
    expect(parseConfig(TOML, 'c.toml').mounts.map((mount) => mount.where)).toEqual(['c.toml:7', 'c.toml:18']);
  });

  it('checks an object as it checks a file', () => {
    expect(configOf({ server: { address: ':1' } }).server.address).toEqual({ host: '127.0.0.1', port: 1 });
    expect(() => configOf({ server: { address: 'x' } })).toThrowError(
      /^configuration: server\.address: invalid address: "x"/,
    );
  });
});

describe('lists of instances', () => {
  const expected = [
    { plugin: 'streamfs', name: 'a', path: '/a', config: { ring_buffer_size: '1MB' } },
    { plugin: 'streamfs', name: 'b', path: '/b', config: {} },
  ];
  const dev = { plugin: 'devfs', path: '/dev', config: {} };

  it('contract 84: stand under the name of the plugin', () => {
    const text = `plugins:
  streamfs:
    - {name: a, enabled: true, path: /a, config: {ring_buffer_size: 1MB}}
    - name: b
      path: //b/
    - {name: c, enabled: false, path: /a}
`;
    const { mounts } = parseConfig(text, 'c.yaml');
    expect(mounts).toEqual([{ ...expected[0], where: 'c.yaml:3' }, { ...expected[1], where: 'c.yaml:4' }, dev]);
  });

  it('contract 84: may be written in TOML too', () => {
    const text = `[[plugins.streamfs]]
name = "a"
path = "/a"
[plugins.streamfs.config]
ring_buffer_size = "1MB"

[[plugins.streamfs]]
name = "b"
path = "/b"
`;
    expect(parseConfig(text, 'c.toml').mounts).toEqual([
      { ...expected[0], where: 'c.toml:1' },
      { ...expected[1], where: 'c.toml:7' },
      dev,
    ]);
  });

  it('contract 84: may be the plugins themselves, each naming its plugin', () => {
    const text = `plugins:
  - {name: streamfs, path: /a}
  - {plugin: streamfs, name: b, path: /b}
  - {name: devfs}
`;
    expect(parseConfig(text, 'c.yaml').mounts).toEqual([
      { plugin: 'streamfs', name: 'streamfs', path: '/a', config: {}, where: 'c.yaml:2' },
      { plugin: 'streamfs', name: 'b', path: '/b', config: {}, where: 'c.yaml:3' },
      { plugin: 'devfs', name: 'devfs', path: '/dev', config: {}, where: 'c.yaml:4' },
    ]);
    expect(refusal('plugins:\n  - {path: /a}')).toEqual([
      "c.yaml:2: plugins[0]: the name of a plugin is missing, such as 'name: streamfs'",
    ]);
  });

  it('may not leave out the path', () => {
    expect(refusal('plugins:\n  streamfs:\n    - {name: a}\n')).toEqual([
      'c.yaml:3: plugins.streamfs[0].path: is missing',
    ]);
  });

  it('may not mount two at one path', () => {
    const text = 'plugins:\n  streamfs:\n    path: /x\n  memfs:\n    path: /x/\n';
    expect(refusal(text)).toEqual(['c.yaml:5: plugins.memfs.path: /x is taken already, in line 3']);
  });
});

describe('tokens', () => {
  const token = (text: string) => `server: {tokens: [{name: a, rights: [read], paths: [/x], ${text}}]}`;

  it('are kept as their hash only', () => {
    const { tokens } = parseConfig(token('token: a-long-enough-secret'), 'c.yaml').server;
    const sha256 = expect.stringMatching(/^[0-9a-f]{64}$/);
    const limits = { connections: 0, handles: 0, readers: 0, searches: 0, streams: 0 };
    expect(tokens).toEqual([{ name: 'a', sha256, rights: ['read'], paths: ['/x'], limits }]);
    expect(JSON.stringify(tokens)).not.toContain('secret');
    expect(parseConfig(token(`token_sha256: ${tokens[0]!.sha256}`), 'c.yaml').server.tokens).toEqual(tokens);
  });

  it('contract 96: leave room for one another, unless there is only one', () => {
    const entry = (name: string) => `{name: ${name}, token: a-long-enough-secret-${name}, rights: [read], paths: [/x]}`;
    const limitsOf = (tokens: string, limits = '') =>
      parseConfig(`server: {limits: {${limits}}, tokens: [${tokens}]}`, 'c.yaml').server.tokens.map(
        (one) => one.limits,
      );
    const shares = { connections: 0.5, handles: 0.5, readers: 0.5, searches: 1, streams: 0.5 };
    const everything = { connections: 0, handles: 0, readers: 0, searches: 0, streams: 0 };
    expect(limitsOf(`${entry('a')}, ${entry('b')}`)).toEqual([shares, shares]);
    expect(limitsOf(entry('a'))).toEqual([everything]);
    expect(limitsOf(entry('a'), 'token_handles: 25%, token_searches: 2')).toEqual([
      { ...everything, handles: 0.25, searches: 2 },
    ]);
  });

  it.each([
    ['rights: [read]', 'needs either token or token_sha256'],
    ['token: short', 'token must be at least 16 visible ASCII characters without spaces'],
    ['token_sha256: abc', 'token_sha256 must be 64 hexadecimal digits'],
    [`token: a-long-enough-secret, token_sha256: ${'a'.repeat(64)}`, 'needs either token or token_sha256'],
  ])('%s is refused', (text, message) => {
    expect(refusal(text.startsWith('rights') ? token('').replace(', }', '}') : token(text)).join()).toContain(message);
  });

  it('have limits of their own, and for what those leave out those of the server', () => {
    const written = (limits: string, own: string) =>
      `server: {limits: {${limits}}, tokens: [{name: a, token: a-long-enough-secret, rights: [read], paths: [/x], limits: {${own}}}]}`;
    const { tokens } = parseConfig(
      written('token_handles: 7, token_streams: 0', 'readers: 25%, searches: 0'),
      'c.yaml',
    ).server;
    expect(tokens[0]!.limits).toEqual({ connections: 0, handles: 7, readers: 0.25, searches: 0, streams: 0 });
    for (const wrong of ['-1', '1.5', '100%', '0%', 'x', '5']) {
      const message = refusal(written(`token_handles: "${wrong}"`, `streams: "${wrong}"`)).join('\n');
      expect(message).toContain('server.limits.token_handles');
      expect(message).toContain('server.tokens[0].limits.streams');
      expect(message).toContain('expected a whole number from 0, or a share below 100%');
    }
  });

  it('with an invalid pattern, or an invalid right, is refused', () => {
    const text = 'server: {tokens: [{name: a, token: a-long-enough-secret, rights: [own], paths: [x, /a**]}]}';
    expect(refusal(text).join()).toMatch(
      /must be one of read, write, admin.*invalid pattern: "x".*invalid pattern: "\/a\*\*"/s,
    );
  });
});

describe('signed links', () => {
  const links = (text: string) => parseConfig(`server:\n  links: ${text}\n`, 'c.yaml').server.links;

  it('have no key file and last a day at most, where nothing is said', () => {
    for (const text of ['', '{}', '{key_file: ""}']) expect(links(text)).toEqual(defaultConfig().server.links);
    expect(defaultConfig().server.links).toEqual({ maxLifetime: 86_400_000 });
    expect(links('{key_file: k, max_lifetime: 10m}')).toEqual({ keyFile: resolve('k'), maxLifetime: 600_000 });
  });

  it.each([
    ['{max_lifetime: 0}', 'server.links.max_lifetime: invalid duration: 0s (expected 1s to 576h'],
    ['{max_lifetime: 999ms}', 'invalid duration: 999ms (expected 1s to 576h'],
    ['{max_lifetime: 577h}', 'expected a duration from 0 to 576h'],
    ['{max_lifetime: soon}', 'invalid duration format: soon'],
    ['{key: x}', 'server.links.key: unknown key (known are: key_file, max_lifetime)'],
    ['{max_lifetme: 1h}', "server.links.max_lifetme: unknown key (did you mean 'max_lifetime'?)"],
    ['{key_file: 7}', 'server.links.key_file: must be a text, not 7'],
  ])('%s is refused', (text, message) => {
    expect(() => links(text)).toThrow(message);
  });
});

describe('allowed hosts', () => {
  const hosts = (text: string) => parseConfig(`server: {allowed_hosts: [${text}]}`, 'c.yaml').server.allowedHosts;

  it('are names and addresses without a port', () => {
    const written = ['devbox', 'streams.example', '192.0.2.7', '[fd00::1]'];
    expect(hosts(written.map((host) => `"${host}"`).join(', '))).toEqual(written);
  });

  it.each(['http://streams.example', 'streams.example:8080', 'fd00::1', '[fd00::1]:80', 'a b', '*.example', ''])(
    '%j, which no Host header could match, is refused',
    (host) => {
      expect(() => hosts(JSON.stringify(host))).toThrow(
        `c.yaml:1: server.allowed_hosts[0]: invalid host: ${JSON.stringify(host)} (expected a name or an address without`,
      );
    },
  );
});

describe('errors', () => {
  it.each([
    [
      'grants: []',
      'server.tokens[0].grants: unknown key (known are: name, token, token_sha256, rights, limits, paths)',
    ],
    ['limits: {conections: 3}', "server.tokens[0].limits.conections: unknown key (did you mean 'connections'?)"],
    ['rights: [], paths: []', 'server.tokens[0].rights: must not be empty'],
    ['name: ""', 'server.tokens[0].name: must not be empty'],
  ])('in a token, %s, name its keys and what would be right', (wrong, message) => {
    const given = {
      name: 'name: a',
      rights: 'rights: [read]',
      paths: 'paths: [/x]',
      token: 'token: a-long-enough-one',
    };
    const others = Object.entries(given).filter(([key]) => !wrong.includes(`${key}: `));
    const text = `server: {tokens: [{${[...others.map(([, entry]) => entry), wrong].join(', ')}}]}`;
    expect(() => parseConfig(text, 'c.yaml')).toThrow(message);
  });

  it('name the file, the line, the key, what was wrong and what would be right', () => {
    const text = `server:
  address: nowhere
  log_level: verbose
  max_request_body_bytes: 10 foo
  shutdown_timeout: soon
  no_auth: yes
plugins:
  streamfs:
    enabled: 1
    path: streamfs
`;
    expect(refusal(text)).toEqual([
      "c.yaml:2: server.address: invalid address: \"nowhere\" (expected '8080', ':8080', '127.0.0.1:8080', '[::1]:8080' or 'localhost:8080')",
      'c.yaml:3: server.log_level: must be one of trace, debug, info, warn, error, silent, not "verbose"',
      'c.yaml:4: server.max_request_body_bytes: invalid size format: 10 FOO (expected format: number with optional unit B/KB/MB/GB/TB)',
      'c.yaml:5: server.shutdown_timeout: invalid duration format: soon (expected format: seconds, or a number with a unit ms/s/m/h)',
      'c.yaml:6: server.no_auth: must be true or false, not "yes"',
      'c.yaml:9: plugins.streamfs.enabled: must be true or false, not 1',
      'c.yaml:10: plugins.streamfs.path: invalid mount path: "streamfs" (expected an absolute path, such as \'/streamfs\')',
    ]);
  });

  it('refuses a TOML date where a table or another value belongs, instead of taking it for an empty table', () => {
    expect(refusal('server = 1979-05-27\n', 'c.toml')).toEqual([
      'c.toml:1: server: must be a mapping, not "1979-05-27"',
    ]);
    expect(refusal('[server]\nlimits = 1979-05-27\nui = 07:32:00\n', 'c.toml')).toEqual([
      'c.toml:2: server.limits: must be a mapping, not "1979-05-27"',
      expect.stringMatching(/^c\.toml:3: server\.ui: must be true or false, not "07:32:00/),
    ]);
  });

  it('name the line in TOML too, also of tables in an array and of inline tables', () => {
    const text = `title = """
[server]
"""
[server]
log_level = "loud"
no_auth = { a = 1 }

[[plugins.streamfs]]
path = "/a"
[[plugins.streamfs]]
path = "/b"
enabled = "no"
`;
    expect(refusal(text, 'c.toml')).toEqual([
      'c.toml:1: title: unknown key (known are: server, plugins)',
      'c.toml:5: server.log_level: must be one of trace, debug, info, warn, error, silent, not "loud"',
      'c.toml:6: server.no_auth: must be true or false, not a mapping',
      'c.toml:12: plugins.streamfs[1].enabled: must be true or false, not "no"',
    ]);
  });

  it('name the line in TOML of items of lists over several lines, past strings that look like keys', () => {
    const text = `[server]
allowed_hosts = [
  "a.example", # server.no_auth = 1
  5,
]
"no_auth" = 1

[server . cors] # origins = 1
origins = ['''
log_level = "x"
''']

[server.limits]
"connections" = "\\"=" # "
mounts = "x]"

[plugins]
streamfs = [
  { name = "a", path = "/a" },
  { name = "b", path = "/b", enabled = 2 },
  { name = "c", path = "/c" },
]
`;
    const found = refusal(text, 'c.toml');
    expect(found.map((line) => line.replace(/^(c\.toml:\d+: [\w.[\]]+).*$/s, '$1'))).toEqual([
      'c.toml:4: server.allowed_hosts[1]',
      'c.toml:6: server.no_auth',
      'c.toml:9: server.cors.origins[0]',
      'c.toml:14: server.limits.connections',
      'c.toml:15: server.limits.mounts',
      'c.toml:20: plugins.streamfs[1].enabled',
    ]);
  });

  it('contract 44: tell that a path is one that no mount could have, also where it is made of the name of a plugin', () => {
    for (const name of ['..', 'a/../b', '"\\0x"', '/', `"${'n'.repeat(256)}"`]) {
      expect(refusal(`plugins:\n  ${name}: {}\n`)).toEqual([
        expect.stringMatching(/^c\.yaml:2: plugins\..*needs a path: /),
      ]);
    }
    for (const path of ['/a\\u0085', `/${'n'.repeat(256)}`, `${'/n'.repeat(2049)}`]) {
      expect(refusal(`plugins:\n  memfs: {path: "${path}"}\n`)).toEqual([expect.stringMatching(/invalid mount path/)]);
    }
  });

  it('tell of a key that is no text', () => {
    expect(refusal('server:\n  {a: b}: 1\n')).toEqual([expect.stringMatching(/^c\.yaml:2: invalid YAML: .*strings/)]);
  });

  it('contain no terminal control sequences, whatever the file contains', () => {
    expect(refusal('"\\x1b[2Jserver": 1\n')).toEqual([
      expect.stringMatching(/^c\.yaml:1: \\x1b\[2Jserver: unknown key/),
    ]);
  });

  it('are the first twenty, and how many more there are', () => {
    const text = `server:\n${Array.from({ length: 50 }, (_, n) => `  no_such_key_${n}: 1\n`).join('')}`;
    for (const broken of [text, `${'['.repeat(300)}\n`]) {
      const lines = refusal(broken);
      expect(lines.length).toBe(21);
      expect(lines[20]).toMatch(/^c\.yaml: \d+ more like these$/);
    }
  });

  it('say which key may have been meant', () => {
    const text =
      'servers:\n  x: 1\nserver:\n  logLevel: info\n  adress: :1\n  frobnicate: 1\nplugins:\n  memfs:\n    pth: /x\n';
    expect(refusal(text)).toEqual([
      "c.yaml:1: servers: unknown key (did you mean 'server'?)",
      "c.yaml:4: server.logLevel: unknown key (did you mean 'log_level'?)",
      "c.yaml:5: server.adress: unknown key (did you mean 'address'?)",
      expect.stringContaining('c.yaml:6: server.frobnicate: unknown key (known are: address, log_level, '),
      "c.yaml:9: plugins.memfs.pth: unknown key (did you mean 'path'?)",
    ]);
  });

  it.each([
    ['- a\n- b\n', 'c.yaml: must be a mapping, not a list'],
    ['just text', 'c.yaml: must be a mapping, not "just text"'],
    ['server: 8080', 'c.yaml:1: server: must be a mapping, not 8080'],
    ['plugins: streamfs', 'c.yaml:1: plugins: must be a mapping or a list, not "streamfs"'],
    ['plugins: {streamfs: on}', 'c.yaml:1: plugins.streamfs: must be a mapping or a list, not "on"'],
    ['plugins: {streamfs: {config: [1]}}', 'c.yaml:1: plugins.streamfs.config: must be a mapping, not a list'],
    ['server: {address: 8080}', 'c.yaml:1: server.address: must be a text, not 8080'],
    [
      'server: {durable_streams: {prefixes: [/v1/stream, /api/x]}}',
      'c.yaml:1: server.durable_streams.prefixes[1]: invalid prefix: "/api/x" (the server has its own paths below /api)',
    ],
    [
      'server: {durable_streams: {public_origins: [streams.example/tv]}}',
      'c.yaml:1: server.durable_streams.public_origins[0]: invalid origin: "streams.example/tv" (expected scheme, host and port, such as https://app.example or http://localhost:5173)',
    ],
    [
      'server: {durable_streams: true}',
      'c.yaml:1: server.durable_streams: must be false, or a section with mount, prefixes, long_poll_timeout and public_origins, not true',
    ],
    [
      'server: {max_request_body_bytes: true}',
      "c.yaml:1: server.max_request_body_bytes: must be a size string (e.g., '64MB') or number, not true",
    ],
    [
      'plugins: {streamfs: {path: /}}',
      'c.yaml:1: plugins.streamfs.path: invalid mount path: "/" (expected a path below the root, such as \'/streamfs\')',
    ],
    [
      'plugins: {streamfs: {path: /a/../b}}',
      "c.yaml:1: plugins.streamfs.path: invalid mount path: \"/a/../b\" (expected a path without '.' and '..')",
    ],
    [
      'plugins: {streamfs: {path: "/a\\0b"}}',
      'c.yaml:1: plugins.streamfs.path: invalid mount path: "/a\\u0000b" (expected a path without control characters)',
    ],
  ])('tell of %j what shape is right', (text, message) => {
    expect(refusal(text)).toEqual([message]);
  });

  it.each([
    ['server:\n  address: "x\n', /^c\.yaml:\d+: invalid YAML: /],
    ['server:\n\taddress: x\n', /^c\.yaml:2: invalid YAML: /],
    ['server: {log_level: info}\nserver: {}\n', /^c\.yaml:2: invalid YAML: Map keys must be unique/],
    ['a: 1\n---\nb: 2\n', /^c\.yaml:\d: expected one YAML document, found several$/],
    ['server: !!js/function "x"\n', /^c\.yaml:1: invalid YAML: /],
    ['server: *nobody\n', /invalid YAML: /],
  ])('tell where %j is no YAML', (text, message) => {
    expect(refusal(text)[0]).toMatch(message);
  });

  it('tell where a text is no TOML', () => {
    expect(refusal('[server]\naddress = \n', 'c.toml')[0]).toMatch(/^c\.toml:2: invalid TOML: \S/);
    expect(refusal('[server]\n[server]\n', 'c.toml')[0]).toMatch(/^c\.toml:2: invalid TOML: \S/);
  });

  it('stop aliases that would unfold to an absurd size', () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`,
    );
    expect(refusal(`l0: &l0 x\n${levels.join('\n')}\n`)[0]).toMatch(/invalid YAML: /);
  });

  it('carry file, line and key as facts', () => {
    expect(() => parseConfig('server:\n  log_level: x', 'c.yaml')).toThrowError(
      expect.objectContaining({ details: { file: 'c.yaml', line: 2, key: 'server.log_level' } }),
    );
  });

  it('are the only way to fail, whatever the text', () => {
    const bits = fc.constantFrom(
      'server',
      'plugins',
      'streamfs',
      'address',
      'path',
      ': ',
      '= ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '"""',
      "'",
      '1',
      '&a',
      '*a',
      '!!x ',
      '.',
      ',',
      '__proto__',
      'null',
      '#',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(bits, { maxLength: 40 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, fc.constantFrom('c.yaml', 'c.toml', 'c'), (content, file) => {
        try {
          parseConfig(content, file);
        } catch (error) {
          expect(error).toBeInstanceOf(StreamFSError);
          expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(`^${file}[:]`) });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'streamfs-config-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('contract 84: load by their extension', async () => {
    await writeFile(join(folder, 'a.yml'), YAML);
    await writeFile(join(folder, 'a.toml'), TOML);
    expect((await loadConfig(join(folder, 'a.yml'))).server).toEqual((await loadConfig(join(folder, 'a.toml'))).server);
  });

  it('may begin with a byte order mark', async () => {
    await writeFile(join(folder, 'bom.yaml'), `\uFEFF${YAML}`);
    expect((await loadConfig(join(folder, 'bom.yaml'))).server.logLevel).toBe('debug');
  });

  it('that cannot be read are named, with the reason', async () => {
    const absent = join(folder, 'absent.yaml');
    await expect(loadConfig(absent)).rejects.toThrow(`cannot read ${absent}: the file does not exist`);
    await expect(loadConfig(folder)).rejects.toThrow(`cannot read ${folder}: it is a directory`);
    await writeFile(join(folder, 'binary.yaml'), new Uint8Array([0xff, 0xfe, 0x00]));
    await expect(loadConfig(join(folder, 'binary.yaml'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `${join(folder, 'binary.yaml')}: expected text in UTF-8`,
    });
  });
});

describe('the sample configuration', () => {
  const parameters = {
    streamfs: [
      { name: 'ring_buffer_size', default: '6MB', description: 'What a stream\nkeeps.' },
      { name: 'token', default: '', description: 'No default.' },
    ],
  };

  it('contract 84: loads back to exactly the defaults', () => {
    for (const sample of [sampleConfig(), sampleConfig(parameters)]) {
      const config = parseConfig(sample, 'sample.yaml');
      expect({ ...config, mounts: config.mounts.map(({ where: _, ...mount }) => mount) }).toEqual(defaultConfig());
    }
  });

  it('contract 84: writes out every setting of the server', () => {
    const { properties } = configSchema() as { properties: { server: { properties: object } } };
    for (const key of Object.keys(properties.server.properties))
      expect(sampleConfig()).toMatch(new RegExp(`^  (# )?${key}:`, 'm'));
  });

  it('shows the parameters of plugins as comments', () => {
    expect(sampleConfig(parameters)).toContain(
      '    config:\n      # What a stream keeps.\n      # ring_buffer_size: 6MB\n',
    );
  });
});

describe('the JSON schema', () => {
  it('describes each setting with its default, where it has one: TLS is there or not', () => {
    const schema = configSchema() as {
      properties: { server: { properties: Record<string, Record<string, unknown>> } };
    };
    for (const [key, setting] of Object.entries(schema.properties.server.properties)) {
      expect(setting, key).toMatchObject({ description: expect.any(String) });
      expect('default' in setting, key).toBe(key !== 'tls');
    }
  });
});
