/** Real servers for tests: each on a separate port, ended by its own pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** Sends a single command, and returns the response as text. */
  command(...args: string[]): Promise<string>;
  /** Ends it, as a crash would. */
  kill(): Promise<void>;
  /** Restarts it, on the same port and directory. @param args instead of those of the first start */
  restart(args?: readonly string[]): Promise<void>;
  stop(): void;
  resume(): void;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

export interface RedisServerOptions {
  /** Default: `redis-server`. */
  readonly program?: string | undefined;
  /** In addition to port, directory and `--save ''`. */
  readonly args?: readonly string[] | undefined;
  readonly port?: number | undefined;
  /** A configuration file instead of all that: for a Sentinel. */
  readonly file?: string | undefined;
  /** Accepts only TLS on its port. */
  readonly isTls?: boolean | undefined;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'streamfs-redis-'));
  const port = options.port ?? (await freePort());
  const { program = 'redis-server' } = options;
  let child: ChildProcess;
  const start = async (args = options.args ?? []) => {
    const ports = options.isTls === true ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)];
    const plain = [...ports, '--bind', '127.0.0.1', '--dir', directory, '--save', '', ...args];
    const all = options.file === undefined ? plain : [options.file, '--sentinel'];
    child = spawn(program, all, { stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    const ended = new Promise<never>((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${program} ended with ${code}:\n${log.slice(-2000)}`)));
    });
    ended.catch(() => undefined);
    const ready = new Promise<void>((resolve) => {
      child.stdout!.setEncoding('utf8').on('data', (text: string) => {
        log += text;
        if (/Ready to accept connections|Sentinel ID is/.test(log)) resolve();
      });
    });
    await Promise.race([ready, ended]);
  };
  await start();
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid!;
    },
    command: (...words) => command(port, words),
    kill,
    restart: start,
    stop: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async close() {
      await kill();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Sends one command over a separate connection; returns the raw response, without the marks of short ones. */
async function command(port: number, words: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const text = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('');
  // Redis answers before it closes its side; Sentinels do not know QUIT.
  socket.end(`*${words.length}\r\n${text}`);
  // A command that kills connections may kill this one.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  const response = Buffer.concat(chunks).toString();
  const simple = /^[+:]([^\r]*)\r\n$/.exec(response);
  if (simple !== null) return simple[1]!;
  const bulk = /^\$\d+\r\n([\s\S]*)\r\n$/.exec(response);
  return bulk === null ? response : bulk[1]!;
}
