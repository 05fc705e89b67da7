/**
 * `npm run soak -- --nodes N`: this many servers with a shared log on Redis, with two Redis servers and three
 * Sentinels. Servers are killed or terminated and restarted, and so is the Redis master, whose replica takes over.
 * Writers and readers reach another server with each connection. Each acknowledged byte exists once, at its offset, for
 * all readers, under one generation, and all servers agree in the end.
 */
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeFetch } from '../../src/cli/node-fetch.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import type { Process } from '../../test/e2e/harness/process.ts';
import { waitFor } from '../../test/harness/wait.ts';
import type { RedisServer } from '../../test/logs/redis/redis-server.ts';
import { type Sentinels, startSentinels } from '../../test/logs/redis/topologies.ts';
import { content, isContent, PERIOD } from './content.ts';
import { ask, closeKept } from './http.ts';
import { type CuttingProxy, startProxy } from './proxy.ts';
import { within } from './report.ts';
import { pause } from './run.ts';
import { startServer } from './server.ts';
import { Cursor } from './verify.ts';

/** How long readers may take to reach the end once writing has stopped, in milliseconds. */
const DRAIN_TIMEOUT_MS = 120_000;
const LONGEST_MESSAGE = 64 * 1024;
const FOLLOWERS = 3;
const RECONNECT = { initial: 20, max: 500 };

export interface NodesOptions {
  seconds: number;
  nodes: number;
  streams: number;
  /** Bytes per second of all writers together. */
  rate: number;
}

interface Node {
  server: Process;
  port: number;
}

/** Runs one, and returns whether it succeeded. */
export async function soakNodes(options: NodesOptions): Promise<boolean> {
  const soak = new NodesSoak(options);
  try {
    await soak.start();
    await soak.run();
  } catch (error) {
    soak.fail('the soak', error);
  } finally {
    await soak.close();
  }
  for (const failure of soak.failures) process.stdout.write(`FAILED: ${failure}\n`);
  process.stdout.write(soak.failures.length === 0 ? 'soak: passed\n' : 'soak: failed\n');
  return soak.failures.length === 0;
}

class NodesSoak {
  readonly failures: string[] = [];
  private readonly options: NodesOptions;
  private readonly folder = mkdtempSync(join(tmpdir(), 'streamfs-soak-'));
  private readonly nodes: Node[] = [];
  private readonly stopping = new AbortController();
  private readonly written: number[];
  private readonly counts = {
    bytesIn: 0,
    bytesOut: 0,
    skipped: 0,
    writerRetries: 0,
    nodesKilled: 0,
    nodesEnded: 0,
    failovers: 0,
    longestFailoverMs: 0,
  };
  private sentinels: Sentinels | undefined;
  private proxy: CuttingProxy | undefined;
  private connections = 0;

  constructor(options: NodesOptions) {
    this.options = options;
    this.written = new Array<number>(options.streams).fill(0);
    // One listener per writer.
    setMaxListeners(0, this.stopping.signal);
  }

  fail(what: string, error: unknown): void {
    if (this.failures.length < 50) this.failures.push(`${what}: ${error instanceof Error ? error.message : error}`);
  }

  async start(): Promise<void> {
    // The settings that docs/cluster.md recommends.
    const kept = ['--appendonly', 'yes', '--min-replicas-to-write', '1', '--min-replicas-max-lag', '1'];
    this.sentinels = await startSentinels(kept);
    for (let n = 0; n < this.options.nodes; n++) this.nodes.push(await this.startNode(n));
    this.proxy = await startProxy(() => this.nodes[this.connections++ % this.nodes.length]!.port);
  }

  private startNode(n: number): Promise<Node> {
    const file = join(this.folder, `${n}.yaml`);
    const { url } = this.sentinels!;
    const config = {
      ring_buffer_size: '8MB',
      channel_buffer_size: '4MB',
      log: url,
      log_node: `n${n}`,
      log_deadline: '30s',
    };
    writeFileSync(
      file,
      JSON.stringify({ server: { log_level: 'error' }, plugins: { streamfs: { path: '/streamfs', config } } }),
    );
    return startServer(file);
  }

  async run(): Promise<void> {
    const { streams, seconds } = this.options;
    const all = Array.from({ length: streams }, (_, stream) => stream);
    const writers = all.map((stream) => this.guard(`writer of stream ${stream}`, () => this.write(stream)));
    const readers = all.flatMap((stream) =>
      Array.from({ length: FOLLOWERS }, (_, n) =>
        this.guard(`reader ${n} of stream ${stream}`, () => this.follow(stream)),
      ),
    );
    const faults = [this.guard('nodes', () => this.restartNodes()), this.guard('Redis', () => this.failOver())];
    const until = performance.now() + seconds * 1000;
    for (let n = 1; performance.now() < until && this.failures.length === 0; n++) {
      await pause(1000);
      if (n % 10 === 0) this.report(n);
    }
    this.stopping.abort();
    await within(DRAIN_TIMEOUT_MS, Promise.all(faults), () => this.fail('faults', 'did not come to their end'));
    await within(DRAIN_TIMEOUT_MS, Promise.all(writers), () => this.fail('writers', 'did not come to their end'));
    await within(DRAIN_TIMEOUT_MS, Promise.all(readers), () => this.fail('readers', 'did not come to the end'));
    this.report(seconds);
    for (const stream of all) await this.guard(`stream ${stream}`, () => this.compare(stream));
  }

  async close(): Promise<void> {
    this.stopping.abort();
    closeKept();
    this.proxy?.close();
    for (const { server } of this.nodes) server.kill('SIGKILL');
    await this.sentinels?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async guard(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.fail(what, error);
    }
  }

  private client() {
    const fetch = createNodeFetch();
    return { fetch, client: new StreamFSClient({ url: `http://127.0.0.1:${this.proxy!.port}`, fetch }) };
  }

  private pathOf(stream: number): string {
    return `/streamfs/soak/${stream}`;
  }

  private async write(stream: number): Promise<void> {
    const { fetch, client } = this.client();
    const { written, lost = 0 } = await client.write(this.pathOf(stream), this.messages(stream), {
      end: true,
      reconnect: RECONNECT,
      retryFor: 300_000,
      waitForServer: true,
      onRetry: () => {
        this.counts.writerRetries++;
      },
    });
    fetch.close();
    if (written !== this.written[stream] || lost > 0) {
      throw new Error(`${this.written[stream]} handed over, ${written} written, ${lost} lost`);
    }
  }

  private async *messages(stream: number): AsyncGenerator<Buffer> {
    const { rate, streams } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const length = Math.max(1, Math.floor(LONGEST_MESSAGE * Math.random() ** 4));
      const bytes = content(stream, this.written[stream]!, length);
      this.written[stream]! += length;
      this.counts.bytesIn += length;
      yield bytes;
      await pause((length / (rate / streams)) * 1000 * 2 * Math.random(), signal);
    }
  }

  private async follow(stream: number): Promise<void> {
    const { fetch, client } = this.client();
    const cursor = new Cursor(stream, 0);
    for await (const record of client.follow(this.pathOf(stream), { reconnect: RECONNECT, waitForServer: true })) {
      if (record.type === 'data') {
        cursor.data(record.offset, record.data);
        this.counts.bytesOut += record.data.length;
      } else if (record.type === 'gap') {
        cursor.gap(record.from, record.to);
        this.counts.skipped += record.to - record.from;
      } else if (record.type === 'recreated') throw new Error(`another generation at ${record.lastOffset}`);
      else if (record.type === 'end') {
        const expected = this.written[stream];
        if (record.reason !== 'ended' || cursor.offset !== expected) {
          throw new Error(`${record.reason} at ${cursor.offset} of ${expected}`);
        }
      }
    }
    fetch.close();
  }

  /** Restarts one node after another, alternately by SIGKILL and SIGTERM; the others continue. */
  private async restartNodes(): Promise<void> {
    const { signal } = this.stopping;
    for (let n = 0; ; n++) {
      await pause(3000 + 4000 * Math.random(), signal);
      if (signal.aborted) return;
      const at = n % this.nodes.length;
      const { server } = this.nodes[at]!;
      const isKilled = n % 2 === 0;
      server.kill(isKilled ? 'SIGKILL' : 'SIGTERM');
      const { code, stderr } = await server.result();
      if (stderr !== '') throw new Error(`node ${at} said: ${stderr.slice(0, 2000)}`);
      if (!isKilled && code !== 0) throw new Error(`node ${at} left with ${code} on SIGTERM`);
      this.nodes[at] = await this.startNode(at);
      this.counts[isKilled ? 'nodesKilled' : 'nodesEnded']++;
    }
  }

  /** Kills the master, waits for the replica to be promoted, and restarts the old master as its replica. */
  private async failOver(): Promise<void> {
    const { signal } = this.stopping;
    let [master, replica] = [this.sentinels!.master, this.sentinels!.replica];
    for (;;) {
      await pause(10_000, signal);
      if (signal.aborted) return;
      const began = performance.now();
      await master.kill();
      const promoted = replica;
      await waitFor(
        'the replica to be promoted',
        async () => (await roleOf(promoted)).includes('role:master'),
        DRAIN_TIMEOUT_MS,
      );
      this.counts.longestFailoverMs = Math.max(this.counts.longestFailoverMs, Math.round(performance.now() - began));
      this.counts.failovers++;
      const old = master;
      await old.restart();
      await waitFor(
        'the old master to follow',
        async () => /role:slave[\s\S]*master_link_status:up/.test(await roleOf(old)),
        DRAIN_TIMEOUT_MS,
      );
      [master, replica] = [promoted, old];
    }
  }

  /** Checks that all nodes have the same bytes, and that they are the written ones. */
  private async compare(stream: number): Promise<void> {
    const path = this.pathOf(stream);
    const facts = new Set<string>();
    for (const { port } of this.nodes) {
      const stat = await ask(port, 'GET', `/stat?path=${path}`);
      const { size, meta } = JSON.parse(stat.body.toString()) as {
        size: number;
        meta: { Content: { generation: string } };
      };
      facts.add(`${size} ${meta.Content.generation}`);
      if (size !== this.written[stream]) throw new Error(`${size} at a node, ${this.written[stream]} written`);
      const { body } = await ask(port, 'GET', `/files?path=${path}&snapshot=true`);
      for (let at = 0; at < body.length; at += PERIOD) {
        const part = body.subarray(at, at + PERIOD);
        if (!isContent(stream, size - body.length + at, part))
          throw new Error(`other bytes at ${size - body.length + at}`);
      }
    }
    if (facts.size !== 1) throw new Error(`not the same at all nodes: ${[...facts].join(', ')}`);
  }

  private report(seconds: number): void {
    const { bytesIn, bytesOut, ...others } = this.counts;
    const facts = Object.entries(others).map(([name, count]) => `${name} ${count}`);
    const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
    process.stdout.write(
      `soak: ${seconds} s · in ${megabytes(bytesIn)} · out ${megabytes(bytesOut)} · ${facts.join(', ')}\n`,
    );
  }
}

function roleOf(redis: RedisServer): Promise<string> {
  return redis.command('INFO', 'replication').catch(() => '');
}
