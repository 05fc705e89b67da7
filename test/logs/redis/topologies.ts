/** Masters with replicas and Sentinels, and clusters. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../../harness/wait.ts';
import { freePort, type RedisServer, startRedis } from './redis-server.ts';

export interface Sentinels {
  readonly url: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** From now on the replica receives nothing more from the master. */
  holdReplication(): void;
  close(): Promise<void>;
}

/** A master, a replica that replicates through a proxy, and three Sentinels that fail over after a second. */
export async function startSentinels(args: readonly string[] = []): Promise<Sentinels> {
  const common = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', ...args];
  const master = await startRedis({ args: common });
  const proxy = await startProxy(master.port);
  const replica = await startRedis({ args: [...common, '--replicaof', `127.0.0.1 ${proxy.port}`] });
  await waitFor(async () => (await replica.command('INFO', 'replication')).includes('master_link_status:up'));
  const directory = await mkdtemp(join(tmpdir(), 'streamfs-sentinel-'));
  const sentinels = await Promise.all(
    [0, 1, 2].map(async (n) => {
      const port = await freePort();
      const file = join(directory, `${n}.conf`);
      await writeFile(
        file,
        [
          `port ${port}`,
          'bind 127.0.0.1',
          `dir ${directory}`,
          `sentinel monitor m 127.0.0.1 ${master.port} 2`,
          'sentinel down-after-milliseconds m 1000',
          'sentinel failover-timeout m 20000',
        ].join('\n'),
      );
      return startRedis({ port, program: 'redis-server', file });
    }),
  );
  await waitFor(async () => {
    const known = await Promise.all(sentinels.map((one) => one.command('SENTINEL', 'CKQUORUM', 'm')));
    const replicas = await Promise.all(sentinels.map((one) => one.command('SENTINEL', 'REPLICAS', 'm')));
    return (
      known.every((text) => text.includes('OK 3')) && replicas.every((text) => text.includes(String(replica.port)))
    );
  });
  const [first, ...others] = sentinels;
  return {
    url: `redis://127.0.0.1:${first!.port}?sentinel=m${others.map(({ port }) => `&node=127.0.0.1:${port}`).join('')}`,
    master,
    replica,
    holdReplication: () => proxy.hold(),
    async close() {
      await Promise.all([...sentinels, master, replica].map((one) => one.close()));
      await proxy.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface Proxy {
  readonly port: number;
  /** From now on, data from the other side is not forwarded. */
  hold(): void;
  /** Forwards nothing in either direction until `resume`, like a stopped machine: buffers fill. */
  pause(): void;
  resume(): void;
  /** Cuts all connections, and accepts no others until `accept`. */
  refuse(): void;
  accept(): void;
  close(): Promise<void>;
}

/** Forwards connections to a port of this machine. */
export async function startProxy(to: number): Promise<Proxy> {
  let isHeld = false;
  let isPaused = false;
  let isRefused = false;
  const sockets = new Set<Socket>();
  const port = await freePort();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((inner) => {
    if (isRefused) {
      inner.destroy();
      return;
    }
    const outer = connect(to, '127.0.0.1');
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.on('data', (data) => outer.write(data));
    outer.on('data', (data) => {
      if (!isHeld) inner.write(data);
    });
    if (!isPaused) return;
    inner.pause();
    outer.pause();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    hold: () => {
      isHeld = true;
    },
    pause: () => {
      isPaused = true;
      for (const socket of sockets) socket.pause();
    },
    resume: () => {
      isPaused = false;
      for (const socket of sockets) socket.resume();
    },
    refuse: () => {
      isRefused = true;
      cut();
    },
    accept: () => {
      isRefused = false;
    },
    async close() {
      server.close();
      cut();
    },
  };
}

export interface Cluster {
  readonly url: string;
  /** Each has an equal share of the slots, in this order. */
  readonly servers: readonly RedisServer[];
  /** One for each server, or none. */
  readonly replicas: readonly RedisServer[];
  close(): Promise<void>;
}

export interface ClusterOptions {
  readonly hasReplicas?: boolean | undefined;
  readonly args?: readonly string[] | undefined;
}

export async function startCluster(masters: number, options: ClusterOptions = {}): Promise<Cluster> {
  const { hasReplicas = false, args = [] } = options;
  const start = () => startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', ...args] });
  const count = Array.from({ length: masters });
  const servers = await Promise.all(count.map(start));
  const replicas = hasReplicas ? await Promise.all(count.map(start)) : [];
  const all = [...servers, ...replicas];
  const share = 16384 / masters;
  for (const [n, server] of servers.entries()) {
    const range = [Math.floor(n * share), Math.floor((n + 1) * share) - 1].map(String);
    await server.command('CLUSTER', 'ADDSLOTSRANGE', ...range);
  }
  for (const server of all) await server.command('CLUSTER', 'MEET', '127.0.0.1', String(servers[0]!.port));
  await waitFor(async () => {
    const infos = await Promise.all(all.map((server) => server.command('CLUSTER', 'INFO')));
    return infos.every(
      (text) => text.includes('cluster_state:ok') && text.includes(`cluster_known_nodes:${all.length}`),
    );
  });
  for (const [n, replica] of replicas.entries()) {
    await replica.command('CLUSTER', 'REPLICATE', await servers[n]!.command('CLUSTER', 'MYID'));
  }
  await waitFor(async () => {
    const infos = await Promise.all(replicas.map((replica) => replica.command('INFO', 'replication')));
    return infos.every((text) => text.includes('master_link_status:up'));
  });
  return {
    url: `redis://127.0.0.1:${servers[0]!.port}?cluster=true${all.map(({ port }) => `&node=127.0.0.1:${port}`).join('')}`,
    servers,
    replicas,
    close: async () => void (await Promise.all(all.map((server) => server.close()))),
  };
}
