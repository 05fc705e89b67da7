/** A server with its mounts, on a real socket, and two ways to use it in tests: requests, and raw bytes. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http';
import { onTestFinished } from 'vitest';
import {
  type Clock,
  HandleTable,
  MountTable,
  type PathLimits,
  type Plugin,
  type PluginLogger,
  PluginRegistry,
} from '../../src/fs/index.ts';
import { builtinPlugins } from '../../src/plugins/index.ts';
import { createServer, type ServerOptions, type StreamFSServer } from '../../src/server/index.ts';

interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  facts: Record<string, unknown>;
}

interface HttpResponse {
  status: number;
  headers: IncomingHttpHeaders;
  trailers: NodeJS.Dict<string>;
  body: Buffer;
  text: string;
  /** The body as JSON. Throws if it is not JSON. */
  json: () => Record<string, unknown> & { error?: string; code?: string; message?: string };
}

interface RequestParts {
  body?: string | Uint8Array;
  headers?: Record<string, string>;
}

export interface Running {
  server: StreamFSServer;
  mounts: MountTable;
  handles: HandleTable;
  host: string;
  port: number;
  log: LogLine[];
  logger: PluginLogger;
  /** `target` is below /api/v1 unless it is complete. */
  call: (method: string, target: string, parts?: RequestParts) => Promise<HttpResponse>;
  /** Sends a JSON body. */
  post: (target: string, json: unknown) => Promise<HttpResponse>;
  stop: () => Promise<void>;
}

export interface StartOptions extends Partial<Omit<ServerOptions, 'mounts' | 'handles' | 'logger'>> {
  /** Mount path to plugin name, or to a name and its configuration. */
  mounted?: Record<string, string | { fstype: string; config: Record<string, unknown> }>;
  plugins?: Plugin[];
  /** Replaces the plugin of that name. */
  streamfs?: Plugin;
  maxHandles?: number;
  maxMounts?: number;
  /** The clock of the handles and of the server. */
  clock?: Clock | undefined;
  pathLimits?: PathLimits;
}

/** Default options for the servers of a test file: see net/without-shared-reads.test.ts. */
export const startDefaults: Pick<StartOptions, 'sharedReads' | 'streamfs'> = {};

/** A server on a free port of 127.0.0.1, with a memfs at /mem; stopped after the test. */
export async function start(options: StartOptions = {}): Promise<Running> {
  const {
    mounted = { '/mem': 'memfs' },
    plugins = [],
    maxHandles,
    maxMounts = 0,
    pathLimits,
    clock,
    streamfs,
    ...rest
  } = { ...startDefaults, ...options };
  const log: LogLine[] = [];
  const logger = recorder(log);
  const builtin = builtinPlugins.map((plugin) => (plugin.name === streamfs?.name ? streamfs : plugin));
  const registry = new PluginRegistry([...builtin, ...plugins]);
  const { memory, counters } = rest;
  const mounts = new MountTable({
    ...{ registry, logger, maxMounts },
    ...(pathLimits === undefined ? {} : { pathLimits }),
    ...(memory === undefined ? {} : { memory }),
    ...(counters === undefined ? {} : { limits: counters }),
  });
  for (const [path, what] of Object.entries(mounted)) {
    const { fstype, config } = typeof what === 'string' ? { fstype: what, config: {} } : what;
    await mounts.mount(fstype, path, config);
  }
  const handles = new HandleTable({
    ...{ mounts, logger },
    ...(memory === undefined ? {} : { memory }),
    ...(maxHandles === undefined ? {} : { max: maxHandles }),
    ...(clock === undefined ? {} : { clock }),
  });
  const server = createServer({
    mounts,
    handles,
    logger,
    maxRequestBodyBytes: 1024 * 1024,
    version: { version: '9.8.7', gitCommit: 'abc1234', buildTime: '2025-01-02T03:04:05Z' },
    ...(clock === undefined ? {} : { clock }),
    ...rest,
  });
  const { host, port } = await server.listen('127.0.0.1', 0);
  const call: Running['call'] = (method, target, parts) => send(port, method, target, parts);
  let stopped = false;
  const one: Running = {
    server,
    mounts,
    handles,
    host,
    port,
    log,
    logger,
    call,
    post: (target, json) =>
      call('POST', target, { body: JSON.stringify(json), headers: { 'Content-Type': 'application/json' } }),
    stop: async () => {
      if (stopped) return;
      stopped = true;
      const closed = server.close(2000);
      await mounts.shutdown();
      await handles.shutdown();
      await closed;
    },
  };
  onTestFinished(() => one.stop());
  return one;
}

function recorder(log: LogLine[]): PluginLogger {
  const at =
    (level: LogLine['level']) =>
    (message: string, facts: Record<string, unknown> = {}) => {
      log.push({ level, message, facts });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

const WHOLE = /^(\/|\*|\/metrics|\/(api|ui)(\/[^?]*)?)(\?.*)?$/;

function whole(target: string): string {
  return WHOLE.test(target) ? target : `/api/v1${target}`;
}

function optionsOf(port: number, method: string, target: string, headers: Record<string, string>): RequestOptions {
  return { host: '127.0.0.1', port, method, path: whole(target), headers, agent: false };
}

function send(port: number, method: string, target: string, parts: RequestParts = {}): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const req = httpRequest(optionsOf(port, method, target, parts.headers ?? {}), (res) => {
      collect(res).then(resolve, reject);
    });
    req.on('error', reject);
    req.end(parts.body);
  });
}

async function collect(res: IncomingMessage): Promise<HttpResponse> {
  const pieces: Buffer[] = [];
  for await (const piece of res) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  const text = body.toString();
  return {
    status: res.statusCode ?? 0,
    headers: res.headers,
    trailers: res.trailers,
    body,
    text,
    json: () => JSON.parse(text),
  };
}

/** A response whose body is read as it arrives. */
export interface Live {
  res: IncomingMessage;
  /** Waits until this many bytes have arrived, and returns everything so far. */
  until: (bytes: number) => Promise<string>;
  /** Waits for the end, and returns everything. */
  end: () => Promise<string>;
  /** Disconnects. */
  cut: () => void;
}

/** Sends a request and returns its response as soon as the headers have arrived. */
export function follow(port: number, target: string, headers: Record<string, string> = {}): Promise<Live> {
  return new Promise((resolve, reject) => {
    const req = httpRequest(optionsOf(port, 'GET', target, headers), (res) => resolve(live(res, () => req.destroy())));
    req.on('error', reject);
    req.end();
  });
}

function live(res: IncomingMessage, cut: () => void): Live {
  let text = '';
  let over = false;
  const wakers = new Set<() => void>();
  const wake = () => {
    for (const waker of wakers) waker();
  };
  res.on('data', (piece: Buffer) => {
    text += piece.toString('latin1');
    wake();
  });
  const finish = () => {
    over = true;
    wake();
  };
  res.on('end', finish).on('close', finish).on('error', finish);
  const wait = (done: () => boolean) =>
    new Promise<string>((resolve) => {
      const check = () => {
        if (!done() && !over) return;
        wakers.delete(check);
        resolve(text);
      };
      wakers.add(check);
      check();
    });
  return { res, until: (bytes) => wait(() => text.length >= bytes), end: () => wait(() => over), cut };
}
