import { describe, expect, it } from 'vitest';
import { configOf, parseConfig } from '../../src/config/index.ts';

const mountsOf = (text: string, file = 'c.yaml') =>
  parseConfig(text, file).mounts.map(({ plugin, path }) => `${plugin} ${path}`);

describe('/dev', () => {
  it.each([
    ['a mapping of plugins', 'plugins: {streamfs: {}}'],
    ['a list of plugins', 'plugins: [{name: streamfs}]'],
  ])('contract 92: is mounted where %s does not name devfs', (_, text) => {
    expect(mountsOf(text)).toEqual(['streamfs /streamfs', 'devfs /dev']);
  });

  it.each([
    'plugins: {memfs: {}, devfs: {enabled: false}}',
    'plugins: {memfs: {}, devfs: [{path: /dev, enabled: false}]}',
    'plugins: [{name: memfs}, {name: devfs, enabled: false}]',
  ])('contract 92: is not there where the configuration says so: %s', (text) => {
    expect(mountsOf(text)).toEqual(['memfs /memfs']);
  });

  it('contract 92: is mounted once where the configuration mounts devfs, and gives way to what has its path', () => {
    expect(mountsOf('plugins: {devfs: {}}')).toEqual(['devfs /dev']);
    expect(mountsOf('plugins: {devfs: {path: /devices}}')).toEqual(['devfs /devices']);
    expect(mountsOf('plugins: {memfs: {path: //dev/}}')).toEqual(['memfs /dev']);
    expect(mountsOf('plugins: {memfs: {path: /dev, enabled: false}}')).toEqual(['devfs /dev']);
  });
});

/** In the form of the sample that AGFS prints. */
const OF_AGFS = `server:
  address: ":8080"
  log_level: info
plugins:
  serverinfofs:
    enabled: true
    path: /serverinfofs
    config: {}
  memfs:
    enabled: true
    path: /memfs
  kvfs:
  hellofs: [{path: /hello}]
  s3fs: {enabled: false, region: nowhere}
  sqlfs:
    enabled: true
    instances:
      - {name: sqlfs-a, path: /sqlfs, config: {backend: sqlite}}
  streamfs:
    enabled: true
    path: /streamfs
    instances: []
external_plugins:
  enabled: false
  plugin_dir: ./plugins
  wasm: {instance_pool_size: 10}
`;

describe('settings that only AGFS has', () => {
  it('contract 92: is left out with a warning that says where it is, and the rest holds', () => {
    const config = parseConfig(OF_AGFS, 'c.yaml');
    expect(config.mounts.map(({ path }) => path)).toEqual(['/memfs', '/streamfs', '/dev']);
    expect(config.server.address.port).toBe(8080);
    const plugin = (line: number, name: string) =>
      `c.yaml:${line}: plugins.${name}: the plugin ${name} of AGFS does not exist here and is ignored`;
    expect(config.warnings).toEqual([
      plugin(5, 'serverinfofs'),
      plugin(12, 'kvfs'),
      plugin(13, 'hellofs'),
      plugin(14, 's3fs'),
      plugin(15, 'sqlfs'),
      expect.stringMatching(/^c\.yaml:22: plugins\.streamfs\.instances: is ignored: .* write a list/),
      'c.yaml:23: external_plugins: this section of AGFS does not exist here and is ignored',
    ]);
  });

  it.each([
    ...['serverinfofs', 'queuefs', 'kvfs', 'hellofs', 'localfs', 's3fs', 'sqlfs', 'sqlfs2', 'proxyfs'],
    ...['heartbeatfs', 'httpfs', 'streamrotatefs', 'gptfs', 'vectorfs', 'httagfs'],
  ])('contract 92: %s is such a plugin, in a mapping, in a list, in TOML and in an object', (name) => {
    for (const config of [
      parseConfig(`plugins: {${name}: {instances: [1]}}`, 'c.yaml'),
      parseConfig(`plugins: [{name: ${name}, path: 1, x: 2}, {name: mine, plugin: ${name}}]`, 'c.yaml'),
      parseConfig(`[plugins.${name}]\nx = 1`, 'c.toml'),
      configOf({ plugins: { [name]: {} } }),
    ]) {
      expect(config.mounts.map(({ path }) => path)).toEqual(['/dev']);
      expect(config.warnings[0]).toContain(`the plugin ${name} of AGFS does not exist here`);
    }
  });

  it('contract 92: is no plugin that the program brought itself', () => {
    const { mounts, warnings } = parseConfig('plugins: {kvfs: {config: {a: 1}}}', 'c.yaml', ['kvfs']);
    expect(mounts[0]).toMatchObject({ plugin: 'kvfs', path: '/kvfs', config: { a: 1 } });
    expect(warnings).toEqual([]);
  });

  it('contract 92: does not hide a mistake, which is still an error at its line', () => {
    expect(() => parseConfig('plugins: [{name: kvfs}, {name: memfs, pth: /x}]\n', 'c.yaml')).toThrow(
      "c.yaml:1: plugins[1].pth: unknown key (did you mean 'path'?)",
    );
    expect(() => parseConfig('external_plugin: {}\nservr: {}\n', 'c.yaml')).toThrow(
      /c\.yaml:1: external_plugin: unknown key .*\nc\.yaml:2: servr: unknown key \(did you mean 'server'\?\)/,
    );
    expect(() => parseConfig('plugins: {memfs: {instance: []}}', 'c.yaml')).toThrow(/memfs\.instance: unknown key/);
  });
});
