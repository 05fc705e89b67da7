import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { loadConfig } from '../../src/config/index.ts';
import { MAIN, type ServerProcess, startServer } from './harness/server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const text = (path: string) => readFileSync(join(ROOT, 'packaging', path), 'utf8');
const has = (program: string) => spawnSync(program, ['--version']).error === undefined;
/** Runs a program that CI must have, and returns its output; elsewhere it may be missing. */
function outputOf(program: string, args: readonly string[], cwd = ROOT): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

let folder: string;
let server: ServerProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'streamfs-packaging-'));
  server = await startServer({ streamfs: { persist: join(folder, 'streams') } });
});

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The instructions of the Dockerfile, with continuation lines joined. */
function instructions(): [name: string, rest: string][] {
  return text('docker/Dockerfile')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]);
}

describe('the image', () => {
  it('copies only what is there and what .dockerignore lets through', () => {
    const copied = instructions()
      .filter(([name, rest]) => name === 'COPY' && !rest.startsWith('--from'))
      .flatMap(([, rest]) => rest.split(' ').slice(0, -1));
    expect(copied.length).toBeGreaterThan(5);
    const [all, ...allowed] = readFileSync(join(ROOT, '.dockerignore'), 'utf8').trim().split('\n');
    expect(all).toBe('*');
    for (const path of copied) {
      expect(existsSync(join(ROOT, path)), path).toBe(true);
      expect(allowed, path).toContain(`!${path}`);
    }
  });

  it('contains the result of its steps: a program that runs, and a health check that fails without a server', () => {
    // The stages as folders. The local node_modules replaces what npm would install, so that nothing is downloaded.
    const stages: Record<string, string> = {};
    let at = '';
    let args: string[] = [];
    let workdir = '';
    const image: Record<string, string> = {};
    const inStage = (path: string) => join(stages[at]!, path.startsWith('/') ? path : join(workdir, path));
    for (const [name, rest] of instructions()) {
      if (name === 'FROM') {
        at = / AS (\w+)$/.exec(rest)?.[1] ?? 'image';
        stages[at] = join(folder, at);
        mkdirSync(stages[at]!);
      } else if (name === 'WORKDIR') {
        workdir = rest;
        mkdirSync(inStage('.'), { recursive: true });
      } else if (name === 'COPY') {
        const from = /^--from=(\w+) /.exec(rest)?.[1];
        const paths = rest.replace(/^--from=\w+ /, '').split(' ');
        const target = paths.pop()!;
        for (const path of paths) {
          const source = from === undefined ? join(ROOT, path) : join(stages[from]!, path);
          const isFolder = target.endsWith('/') || paths.length > 1;
          const into = isFolder ? join(inStage(target), path.split('/').at(-1)!) : inStage(target);
          cpSync(source, into, { recursive: true, verbatimSymlinks: true });
        }
      } else if (name === 'ARG') args = [...args, rest];
      else if (name === 'RUN' && rest.startsWith('npm ci')) {
        expect(rest).toContain('--ignore-scripts');
        symlinkSync(join(ROOT, 'node_modules'), inStage('node_modules'));
      } else if (name === 'RUN' && at === 'build') {
        // The local build is the one that this step would make.
        expect(rest).toContain(' node scripts/build.mjs');
        for (const input of ['scripts/build.mjs', 'src/cli/main.ts', 'tsconfig.json', 'tsdown.config.ts']) {
          expect(existsSync(inStage(input)), input).toBe(true);
        }
        cpSync(join(ROOT, 'dist'), inStage('dist'), { recursive: true });
      } else image[name] = rest;
    }
    expect(args).toEqual(['STREAMFS_GIT_COMMIT=unknown', 'STREAMFS_LOG=']);
    expect(image).toMatchObject({ USER: 'node', EXPOSE: '8080' });
    const app = join(stages.image!, 'app');
    const entry = JSON.parse(image.ENTRYPOINT!) as string[];
    const command = JSON.parse(image.CMD!) as string[];
    const config = join(stages.image!, command.at(-1)!);
    expect(readFileSync(config, 'utf8')).toBe(text('docker/config.yaml'));
    const file = join(app, entry[1]!);
    expect(entry[0]).toBe('node');
    const { stdout } = spawnSync(process.execPath, [file, '--version'], { encoding: 'utf8' });
    expect(stdout).toMatch(/\d+\.\d+\.\d+/);
    const check = JSON.parse(/CMD (\[.*\])$/.exec(image.HEALTHCHECK!)![1]!) as string[];
    const healthy = (url: string) =>
      spawnSync(process.execPath, [join(app, check[1]!), ...check.slice(2)], {
        env: { ...process.env, STREAMFS_URL: url },
      });
    expect(healthy(server.url).status).toBe(0);
    expect(healthy('http://127.0.0.1:1').status).not.toBe(0);
  });

  it('has a configuration that loads, and listens where its port is published to', async () => {
    const config = await loadConfig(join(ROOT, 'packaging/docker/config.yaml'));
    expect(config.server.address).toMatchObject({ host: '0.0.0.0', port: 8080 });
    const compose = parse(text('docker/compose.yaml')) as { services: { streamfs: Record<string, unknown> } };
    expect(compose.services.streamfs).toMatchObject({
      ports: ['127.0.0.1:8080:8080'],
      read_only: true,
      cap_drop: ['ALL'],
      build: { context: '../..', dockerfile: 'packaging/docker/Dockerfile' },
      volumes: ['./config.yaml:/etc/streamfs/config.yaml:ro'],
    });
  });
});

describe('streams that outlive the container', () => {
  it('are kept in a volume, at the place that the configuration names and that the image has for its user', async () => {
    const config = await loadConfig(join(ROOT, 'packaging/docker/config.persist.yaml'));
    expect(config.server.address).toMatchObject({ host: '0.0.0.0', port: 8080 });
    const kept = config.mounts.find(({ plugin }) => plugin === 'streamfs')!.config;
    expect(kept).toMatchObject({ persist: '/var/lib/streamfs', persist_sync: '1s' });
    const compose = parse(text('docker/compose.persist.yaml'));
    expect(compose.services.streamfs.volumes).toEqual([
      './config.persist.yaml:/etc/streamfs/config.yaml:ro',
      `streams:${kept.persist}`,
    ]);
    expect(Object.keys(compose.volumes)).toEqual(['streams']);
    expect(instructions()).toContainEqual(['RUN', `install -d -m 0700 -o node -g node ${kept.persist}`]);
  });
});

describe('two nodes on one log', () => {
  it('find Redis and are found by the proxy under the names of their services, with the driver in their image', async () => {
    const config = await loadConfig(join(ROOT, 'packaging/docker/config.cluster.yaml'));
    const { log } = config.mounts.find(({ plugin }) => plugin === 'streamfs')!.config as { log: string };
    const compose = parse(text('docker/compose.cluster.yaml')) as { services: Record<string, Record<string, unknown>> };
    expect(compose.services).toHaveProperty(new URL(log).hostname);
    const upstreams = [...text('docker/nginx.cluster.conf').matchAll(/server ([\w-]+):(\d+);/g)];
    expect(upstreams.map(([, name]) => name)).toEqual(['node-a', 'node-b']);
    for (const [, name, port] of upstreams) {
      expect(Number(port)).toBe(config.server.address.port);
      expect(compose.services[name!]).toMatchObject({ build: { args: { STREAMFS_LOG: 'redis' } }, read_only: true });
    }
    expect(compose.services.proxy!.ports).toEqual(['127.0.0.1:8080:8080']);
    const [, install] = instructions().find(([, line]) => line?.includes('STREAMFS_LOG" = redis'))!;
    const { '@redis/client': range } = packageJson.peerDependencies;
    expect(install).toContain(`'@redis/client@${range}'`);
  });
});

describe('the systemd unit', () => {
  it('has a part for streams that are kept, with its own directory to write to', () => {
    const part = text('systemd/persist.conf');
    expect(part).toMatch(/^StateDirectory=streamfs$/m);
    expect(part).toMatch(/^StateDirectoryMode=0700$/m);
    if (!has('systemd-analyze') && process.env.CI !== 'true') return;
    const file = join(folder, 'kept.service');
    const unit = text('systemd/streamfs.service').replace('Documentation=man:streamfs(1)\n', '');
    writeFileSync(file, `${unit.replace('/usr/local/bin/streamfs', MAIN)}\n${part}`);
    expect(outputOf('systemd-analyze', ['verify', file])).toEqual({ status: 0, output: '' });
  });

  it('is one that systemd takes, and starts the program with a configuration that loads', async () => {
    const unit = text('systemd/streamfs.service');
    const start = /^ExecStart=(\S+) (.*)$/m.exec(unit)!;
    expect(start[1]).toBe('/usr/local/bin/streamfs');
    expect(start[2]).toBe('serve --config /etc/streamfs/config.yaml');
    const config = await loadConfig(join(ROOT, 'packaging/systemd/config.yaml'));
    expect(config.server.address).toMatchObject({ host: '127.0.0.1', port: 8080 });
    expect(config.mounts.map(({ plugin }) => plugin)).toContain('streamfs');
    if (!has('systemd-analyze') && process.env.CI !== 'true') return;
    // The program's path differs here; everything else is unchanged.
    const file = join(folder, 'streamfs.service');
    chmodded(MAIN);
    writeFileSync(file, unit.replace(start[1]!, MAIN).replace('Documentation=man:streamfs(1)\n', ''));
    expect(outputOf('systemd-analyze', ['verify', file])).toEqual({ status: 0, output: '' });
    writeFileSync(file, unit.replace('ProtectSystem=strict', 'ProtectSystm=strict').replace(start[1]!, MAIN));
    expect(outputOf('systemd-analyze', ['verify', file]).output).toContain('ProtectSystm');
    // 0 is the least exposed, 10 the most. A network service cannot be at 0.
    const security = outputOf('systemd-analyze', [
      'security',
      '--offline=true',
      '--threshold=25',
      join(ROOT, 'packaging/systemd/streamfs.service'),
    ]);
    expect(security.status, security.output).toBe(0);
  });
});

function chmodded(path: string): void {
  expect(statSync(path).mode & 0o111, `${path} can be run`).not.toBe(0);
}

describe('metrics', () => {
  /** Names of metrics in an expression. */
  const named = (expression: string) => expression.match(/\b(?:streamfs|process|nodejs)_\w+/g) ?? [];

  async function known(): Promise<Set<string>> {
    const exposition = await (await fetch(`${server.url}/metrics`)).text();
    return new Set(
      [...exposition.matchAll(/^# TYPE (\w+) (\w+)/gm)].flatMap(([, name, type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name!],
      ),
    );
  }

  it('that alerts and dashboard use exist in the server', async () => {
    // A request first, so that the metrics of requests exist.
    await fetch(`${server.url}/api/v1/version`);
    const names = await known();
    const rules = parse(text('prometheus/alerts.yml')) as { groups: { rules: { expr: string }[] }[] };
    const alerts = rules.groups.flatMap((group) => group.rules.flatMap((rule) => named(rule.expr)));
    expect(alerts.length).toBeGreaterThan(5);
    const dashboard = JSON.parse(text('grafana/dashboard.json')) as {
      panels: { title: string; targets: { expr: string }[] }[];
      templating: { list: { query: string | { query: string } }[] };
    };
    const shown = dashboard.panels.flatMap((panel) => panel.targets.flatMap((target) => named(target.expr)));
    expect(shown.length).toBeGreaterThan(15);
    for (const name of [...alerts, ...shown]) expect(names, name).toContain(name);
  });

  it('have a scrape configuration and alerts that Prometheus takes, and that fire when they should', () => {
    if (!has('promtool') && process.env.CI !== 'true') return;
    const cwd = join(ROOT, 'packaging/prometheus');
    for (const args of [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
    ]) {
      const { status, output } = outputOf('promtool', args, cwd);
      expect(status, `promtool ${args.join(' ')}: ${output}`).toBe(0);
    }
  });
});
