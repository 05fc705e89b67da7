/** The server behind a real nginx, configured as in docs/security.md. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import WebSocket from 'ws';
import { freePort } from '../harness/port.ts';
import { waitFor } from '../harness/wait.ts';
import { start } from './harness/commands.ts';
import { MB } from './harness/memory.ts';
import { isPattern, pattern } from './harness/pattern.ts';
import { type ServerProcess, server } from './harness/server.ts';

const CLUSTER = resolve(import.meta.dirname, '../../packaging/docker/nginx.cluster.conf');
const DOCUMENT = resolve(import.meta.dirname, '../../docs/security.md');

/** The configuration shown in the document. */
function documented(): string {
  const [, block] = /```nginx\n([\s\S]*?)```/.exec(readFileSync(DOCUMENT, 'utf8')) ?? [];
  if (block === undefined) throw new Error('docs/security.md shows no configuration of nginx');
  return block;
}

/** The same below a path of another site, as the document says. */
function below(path: string, configuration: string): string {
  return configuration.replaceAll(
    /location (\S*) \{\n(\s*proxy_pass [^;]*);/g,
    (_, location: string, pass: string) => `location ${path}${location} {\n${pass}${location};`,
  );
}

/** Starts nginx in front of a server, below a path; returns the address of the API there. */
async function proxied(at: ServerProcess, path = ''): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-nginx-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
  const block = path === '' ? documented() : below(path, documented());
  const location = block.replaceAll('127.0.0.1:8080', `127.0.0.1:${at.port}`);
  const lines = [
    ...['daemon off;', 'pid nginx.pid;', 'error_log stderr;', 'master_process off;', 'events {}'],
    `http { access_log off; ${paths.join(' ')} server { listen 127.0.0.1:${port};\n${location}} }`,
  ];
  writeFileSync(join(folder, 'nginx.conf'), lines.join('\n'));
  const nginx = start('nginx', ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf']);
  const url = `http://127.0.0.1:${port}${path}/api/v1`;
  await waitFor('nginx', async () => {
    if (!nginx.isRunning) throw new Error(nginx.stderr.text);
    return fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    );
  });
  return url;
}

describe('behind nginx, configured as documented', () => {
  it('contract 69, 70: a live source is forwarded as it arrives, and readers get it immediately', async () => {
    const at = await server();
    const url = await proxied(at);
    const reader = start('curl', ['-sSN', `${url}/files?path=/streamfs/live&stream=true`]);
    await at.untilReaders('/streamfs/live', 1);
    const writer = start('curl', ['-sS', '-T', '-', `${url}/files?path=/streamfs/live`]);
    for (const line of ['one\n', 'two\n', 'three\n']) {
      writer.stdin.write(line);
      await reader.stdout.until(line);
    }
    expect(writer.isRunning).toBe(true);
    writer.stdin.end();
    await writer.stdout.until('Written 14 bytes');
    await at.json('POST', '/end?path=/streamfs/live');
    expect((await reader.exited).code).toBe(0);
    expect(reader.stdout.text).toBe('one\ntwo\nthree\n');
  });

  it('contract 26, 70: bodies may be of any length, and a reader that goes is gone', async () => {
    const at = await server();
    const url = await proxied(at);
    const body = pattern(0, 5 * MB);
    const put = await fetch(`${url}/files?path=/streamfs/big`, { method: 'PUT', body });
    expect([put.status, await put.json()]).toEqual([200, { message: `Written ${5 * MB} bytes` }]);
    const snapshot = await fetch(`${url}/files?path=/streamfs/big&snapshot=true`);
    expect(isPattern(Buffer.from(await snapshot.arrayBuffer()), 0)).toBe(true);
    const reader = start('curl', ['-sSN', '-o', '/dev/null', `${url}/files?path=/streamfs/big&stream=true`]);
    await at.untilReaders('/streamfs/big', 1);
    await reader.end();
    await at.untilReaders('/streamfs/big', 0);
  });

  it('WebSockets read and write, and the page and what it leads to are there, also below a path of another site', async () => {
    const at = await server();
    for (const path of ['', '/tv']) {
      const url = await proxied(at, path);
      const address = `${url.replace('http:', 'ws:')}/ws?path=/streamfs/log${path.slice(1)}`;
      const reader = new WebSocket(address);
      const seen: string[] = [];
      reader.on('message', (data, isBinary) => isBinary && seen.push(String(data)));
      await once(reader, 'open');
      const writer = new WebSocket(`${address}&mode=write`);
      await once(writer, 'open');
      writer.send(Buffer.from('through nginx\n'));
      await waitFor('what was written', () => seen.join('') === 'through nginx\n');
      for (const each of [reader, writer]) each.terminate();

      const root = url.slice(0, -'/api/v1'.length);
      const page = await fetch(`${root}/`, { headers: { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' } });
      expect(page.url).toBe(`${root}/ui/`);
      const [, script] = /src="([^"]+)"/.exec(await page.text()) ?? [];
      expect((await fetch(new URL(script!, page.url))).status).toBe(200);
    }
  });

  it('a raw reader can tell a server that was killed from an end', async () => {
    const at = await server();
    const url = await proxied(at);
    await at.put('/streamfs/a', 'here');
    const reader = start('curl', ['-sSN', `${url}/files?path=/streamfs/a&stream=true&from=earliest`]);
    await reader.stdout.until('here');
    at.process.kill('SIGKILL');
    expect((await reader.exited).code).not.toBe(0);
  });

  it('contract 101: the configuration for several nodes passes on requests, live reads and WebSockets', async () => {
    const at = await server();
    const folder = mkdtempSync(join(tmpdir(), 'streamfs-nginx-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const port = await freePort();
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`);
    const configuration = readFileSync(CLUSTER, 'utf8')
      .replaceAll(/server node-[ab]:8080;/g, `server 127.0.0.1:${at.port};`)
      .replace('listen 8080;', `listen 127.0.0.1:${port};`)
      .replace('http {', `http { access_log off; ${paths.join(' ')}`);
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, `daemon off; master_process off; pid nginx.pid;\n${configuration}`);
    start('nginx', ['-p', folder, '-c', file, '-e', 'stderr']);
    const api = `127.0.0.1:${port}/api/v1`;
    await waitFor('nginx', () =>
      fetch(`http://${api}/health`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    const reader = new WebSocket(`ws://${api}/ws?path=/streamfs/a`);
    const seen: string[] = [];
    reader.on('message', (data, isBinary) => isBinary && seen.push(String(data)));
    await once(reader, 'open');
    const raw = start('curl', ['-sSN', `http://${api}/files?path=/streamfs/a&stream=true`]);
    await at.untilReaders('/streamfs/a', 2);
    await fetch(`http://${api}/files?path=/streamfs/a`, { method: 'PUT', body: 'through nginx\n' });
    await raw.stdout.until('through nginx\n');
    await waitFor('what was written', () => seen.join('') === 'through nginx\n');
    reader.terminate();
  });
});
