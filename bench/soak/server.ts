/** The server under test: the built one, in a separate process, with the probe of the tests loaded. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import { Process } from '../../test/e2e/harness/process.ts';
import { waitFor } from '../../test/harness/wait.ts';

/** The script that runs this starts it in the project folder. */
const ROOT = process.cwd();
export const MAIN = join(ROOT, 'dist/cli/main.js');
const PROBE = pathToFileURL(join(ROOT, 'test/e2e/harness/probe.mjs')).href;

const IN_MEMORY = join(ROOT, 'bench/soak/server.yaml');

/** Retention on disk: small enough that data expires while readers use it, and much larger than the rings. */
const PERSIST_RETENTION = '4MB';

/** Limits the cache of cold reads, which would otherwise grow throughout a short run. */
const MAX_MEMORY = '256MB';

/** The configuration of a server whose stream mounts are kept in a separate folder. */
export class KeptServer {
  readonly config: string;
  private readonly folder = mkdtempSync(join(tmpdir(), 'streamfs-soak-'));

  constructor() {
    const server = parse(readFileSync(IN_MEMORY, 'utf8')) as ServerConfig;
    server.server.max_memory = MAX_MEMORY;
    for (const { path, config } of server.plugins.streamfs) {
      config.persist = join(this.folder, path);
      config.persist_retention = PERSIST_RETENTION;
    }
    this.config = join(this.folder, 'server.json');
    writeFileSync(this.config, JSON.stringify(server));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface ServerConfig {
  server: Record<string, unknown>;
  plugins: { streamfs: { path: string; config: Record<string, unknown> & { persist?: string } }[] };
}

export async function startServer(config = IN_MEMORY): Promise<{ server: Process; port: number }> {
  const node = ['--expose-gc', '--disable-warning=ExperimentalWarning', '--import', PROBE];
  const args = [...node, MAIN, 'serve', '--addr', '127.0.0.1:0', '-c', config];
  const server = new Process(process.execPath, args, { stdin: 'ignore', ipc: true });
  const greeting = await waitFor(
    'the server to say where it is',
    () => /listening on http:\S+:(\d+)\s/.exec(server.stdout.text) ?? (server.isRunning ? undefined : ['']),
  );
  if (greeting[1] === undefined) throw new Error(`the server did not start: ${server.stderr.text}`);
  return { server, port: Number(greeting[1]) };
}

export interface Level {
  objects: Record<string, number>;
  bytes: number;
}

/** Waits until the number of objects in a server is as low as before; returns those that remain. */
export async function untilGone(server: Process, before: Level): Promise<string[]> {
  const until = performance.now() + 20_000;
  for (;;) {
    const { objects } = await server.ask<Level>('level');
    const more = Object.entries(objects).filter(([kind, count]) => count > (before.objects[kind] ?? 0));
    if (more.length === 0 || performance.now() > until) {
      return more.map(([kind, count]) => `${count - (before.objects[kind] ?? 0)} ${kind}`);
    }
    await new Promise((wake) => setTimeout(wake, 100));
  }
}
