/** A server as users run it: a separate process, run from dist, on a free port of 127.0.0.1. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';
import { waitFor } from '../../harness/wait.ts';
import { memoryOf } from './memory.ts';
import { Process } from './process.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
export const MAIN = join(ROOT, 'dist/cli/main.js');

/** The address of a module of the built package, for `import()`. */
export function distModule(path: string): string {
  return pathToFileURL(join(ROOT, 'dist', path)).href;
}

export interface ServerOptions {
  /** Settings of the mount at /streamfs. */
  streamfs?: Record<string, string | number | boolean>;
  /** Settings of the `server` section. */
  server?: Record<string, unknown>;
  /** Default: a free one. */
  port?: number;
  /** Flags of Node itself. */
  node?: readonly string[];
  /** See {@link ProcessOptions}. */
  ipc?: boolean;
  /** A program to run it under, with its arguments. */
  under?: readonly string[];
  /** Where to listen. Default 127.0.0.1. */
  host?: string;
  /** Further flags of `streamfs serve`. */
  serve?: readonly string[];
}

/** Facts of a stream, from stat. */
export interface StreamFacts {
  readers: number;
  written: number;
  memory: number;
  skipped: number;
  /** The largest lag of its readers. */
  lag: number;
  generation: string;
  state: string;
}

export class ServerProcess {
  readonly process: Process;
  readonly url: string;
  readonly port: number;
  private readonly folder: string;

  constructor(child: Process, url: string, folder: string) {
    this.process = child;
    this.url = url;
    this.port = Number(new URL(url).port);
    this.folder = folder;
  }

  /** The URL of a request; `path` is below /api/v1. */
  api(path: string): string {
    return `${this.url}/api/v1${path}`;
  }

  /** Requests JSON, whatever the status. */
  async json(method: string, path: string, body?: unknown): Promise<{ status: number } & Record<string, unknown>> {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(this.api(path), init);
    return { status: response.status, ...((await response.json()) as Record<string, unknown>) };
  }

  /** Appends through a separate request. */
  async put(path: string, body: string | Uint8Array): Promise<void> {
    const response = await fetch(this.api(`/files?path=${encodeURIComponent(path)}`), { method: 'PUT', body });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    await response.arrayBuffer();
  }

  async facts(path: string): Promise<StreamFacts | undefined> {
    const { status, meta } = await this.json('GET', `/stat?path=${encodeURIComponent(path)}`);
    if (status !== 200) return undefined;
    const content = (meta as { Content: Record<string, string> }).Content;
    return {
      readers: Number(content.active_readers),
      written: Number(content.total_written),
      memory: Number(content.memory),
      skipped: Number(content.skipped_bytes),
      lag: Number(content.max_lag),
      generation: content.generation ?? '',
      state: content.state ?? '',
    };
  }

  /** Waits until a stream has this many readers. */
  async untilReaders(path: string, count: number): Promise<void> {
    await waitFor(`${count} readers of ${path}`, async () => ((await this.facts(path))?.readers ?? 0) === count);
  }

  /** Waits until this many bytes have been written to a stream; a write of 0 bytes also creates it. */
  async untilWritten(path: string, bytes: number): Promise<void> {
    await waitFor(`${bytes} bytes in ${path}`, async () => ((await this.facts(path))?.written ?? -1) >= bytes);
  }

  /** The log lines with a message. */
  logged(message: string): Record<string, unknown>[] {
    const lines = this.process.stderr.text.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === message);
  }

  memory(): { rss: number; peak: number } {
    return memoryOf(this.process.pid);
  }

  async stop(): Promise<void> {
    await this.process.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Starts a server; the caller stops it. */
export function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  return startServerAs(ServerProcess, options);
}

/** The same, with a subclass. */
export async function startServerAs<T extends ServerProcess>(
  Kind: new (child: Process, url: string, folder: string) => T,
  options: ServerOptions = {},
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'streamfs-e2e-'));
  const file = join(folder, 'server.yaml');
  // YAML is a superset of JSON.
  const config = {
    server: options.server ?? {},
    plugins: { streamfs: { config: options.streamfs ?? {} }, memfs: {}, devfs: { path: '/dev' } },
  };
  writeFileSync(file, JSON.stringify(config));
  const { host = '127.0.0.1', port = 0, node = [], under = [], serve = [], ipc = false } = options;
  const [command = '', ...args] = [...under, process.execPath, ...node, MAIN, 'serve', '--addr', `${host}:${port}`];
  const child = new Process(command, [...args, '-c', file, ...serve], { stdin: 'ignore', ipc });
  try {
    const greeting = await waitFor(
      'the server to say where it is',
      () => /listening on (https?:\S+)\s/.exec(child.stdout.text) ?? (child.isRunning ? undefined : ['', '']),
    );
    if (!greeting[1]) throw new Error(`the server did not start: ${child.stderr.text}`);
    return new Kind(child, greeting[1], folder);
  } catch (error) {
    await child.end();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Starts a server that is stopped with the current test. */
export async function server(options: ServerOptions = {}): Promise<ServerProcess> {
  const one = await startServer(options);
  onTestFinished(() => one.stop());
  return one;
}
