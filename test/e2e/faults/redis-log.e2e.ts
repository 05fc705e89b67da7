/**
 * Failures of Redis, and the recovery of the nodes of a log on it: every acknowledged append exists, once, at its acknowledged
 * offset, identically on all nodes. Each test prints its counts.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { slotOf } from '../../../src/logs/redis/slots.ts';
import { waitFor } from '../../harness/wait.ts';
import {
  type Counts,
  count,
  expectNothingLost,
  Ledger,
  report,
  type TestMirror,
  TestNode,
  write,
} from '../../logs/redis/nodes.ts';
import { startRedis } from '../../logs/redis/redis-server.ts';
import { startCluster, startProxy, startSentinels } from '../../logs/redis/topologies.ts';

const PATH = '/live/events';

/** The number of failovers can be set: each takes some seconds. */
const failovers = Array.from({ length: Number(process.env.STREAMFS_FAILOVERS ?? 3) }, (_, n) => n + 1);

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function later<T extends { close(): Promise<unknown> }>(resource: T): T {
  closing.push(() => resource.close());
  return resource;
}

/** Nodes that share a log used by nothing else. */
async function nodesOn(url: string, names: readonly string[], options: { deadline?: number; retention?: number } = {}) {
  const prefix = `${randomUUID()}:`;
  const start = async (name: string) => later(await TestNode.start({ url, prefix, name, ...options }));
  return { nodes: await Promise.all(names.map(start)), start };
}

/** Runs writers on all nodes until `during` is done, then checks the outcome, also on a node that joins last. */
async function underLoad(
  { nodes, start }: Awaited<ReturnType<typeof nodesOn>>,
  during: (ledger: Ledger) => Promise<void>,
  { writers = 4, size = 100, pause }: { writers?: number; size?: number; pause?: number } = {},
): Promise<{ counts: Counts; ledger: Ledger; mirrors: TestMirror[] }> {
  const ledger = new Ledger();
  let isOver = false;
  await Promise.all(nodes.map((node) => node.open(PATH)));
  const until = () => isOver;
  const writing = nodes.flatMap((node, n) =>
    Array.from({ length: writers }, (_, w) =>
      write({ node, path: PATH, name: `${n}.${w}`, ledger, size, pause, until }),
    ),
  );
  await waitFor('some appends', () => ledger.size > 100);
  await during(ledger);
  isOver = true;
  await Promise.all(writing);
  const joiner = await start('joiner');
  const mirrors = await Promise.all([joiner, ...nodes].map((node) => node.open(PATH)));
  await waitFor(
    'all mirrors to end at the same offset',
    () => new Set(mirrors.map((each) => each.endOffset)).size === 1,
  );
  return { counts: count(ledger, mirrors), ledger, mirrors };
}

const sum = (nodes: readonly TestNode[], what: 'heals' | 'forks' | 'retries') =>
  nodes.reduce((total, { log }) => total + log.counters[what], 0);

describe('contract 106: a log on Redis', () => {
  it('keeps order and offsets without any fault', async () => {
    const redis = later(await startRedis());
    const set = await nodesOn(redis.url, ['a', 'b', 'c']);
    const { counts } = await underLoad(set, async (ledger) => {
      await waitFor('4,000 appends', () => ledger.size > 4000);
    });
    report('no fault', counts, { forks: sum(set.nodes, 'forks') });
    expectNothingLost(counts);
    expect(counts.failed).toBe(0);
  });

  it('loses nothing over 50 cuts of all connections under load', async () => {
    const redis = later(await startRedis());
    const set = await nodesOn(redis.url, ['a', 'b']);
    const { counts } = await underLoad(set, async (ledger) => {
      for (let cut = 0; cut < 50; cut++) {
        const before = ledger.size;
        await redis.command('CLIENT', 'KILL', 'TYPE', cut % 2 === 0 ? 'normal' : 'pubsub');
        await waitFor('appends after the cut', () => ledger.size > before + 20);
      }
    });
    report('50 cuts', counts, { retries: sum(set.nodes, 'retries'), forks: sum(set.nodes, 'forks') });
    expectNothingLost(counts);
    expect(counts.failed).toBe(0);
    expect(sum(set.nodes, 'forks')).toBe(0);
  });

  it('loses nothing when Redis is killed and comes back with what its log had', async () => {
    const redis = later(await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'everysec'] }));
    const set = await nodesOn(redis.url, ['a', 'b']);
    const { counts } = await underLoad(set, async (ledger) => {
      for (let kill = 0; kill < 3; kill++) {
        const before = ledger.size;
        await redis.kill();
        await redis.restart();
        await waitFor('appends after the restart', () => ledger.size > before + 500);
      }
    });
    report('killed, with AOF', counts, { heals: sum(set.nodes, 'heals'), forks: sum(set.nodes, 'forks') });
    expectNothingLost(counts);
    expect(counts.failed).toBe(0);
  });

  it('gives Redis back all that it lost when it is killed and keeps nothing', async () => {
    const redis = later(await startRedis());
    const set = await nodesOn(redis.url, ['a', 'b']);
    const quiet = await Promise.all(set.nodes.map((node) => node.open('/quiet')));
    const { log } = set.nodes[0]!;
    const { generation } = quiet[0]!;
    await log.append({ path: '/quiet', generation, chunks: [Buffer.from('kept')], producer: undefined });
    const { counts } = await underLoad(set, async (ledger) => {
      const before = ledger.size;
      await redis.kill();
      await redis.restart();
      await waitFor('appends after the restart', () => ledger.size > before + 500);
    });
    report('killed, without AOF', counts, { heals: sum(set.nodes, 'heals'), forks: sum(set.nodes, 'forks') });
    expectNothingLost(counts);
    expect(sum(set.nodes, 'heals')).toBeGreaterThan(0);
    // An idle stream is restored as well, with its generation and its chunks, and is listed.
    const found = await waitFor(() => log.find('/quiet'));
    expect([found.generation, found.endOffset, found.chunkCount]).toEqual([generation, 4, 1]);
    expect((await log.list('/', undefined, 10)).map(({ name }) => name)).toEqual(['live', 'quiet']);
  });

  it.each(failovers)('heals the replica that Sentinel promotes though it lags, run %i', async (run) => {
    const sentinels = later(await startSentinels());
    const set = await nodesOn(sentinels.url, ['a', 'b']);
    const { counts } = await underLoad(set, async (ledger) => {
      const held = ledger.size;
      sentinels.holdReplication();
      await waitFor('appends that the replica does not have', () => ledger.size > held + 50);
      const before = ledger.size;
      await sentinels.master.kill();
      await waitFor('appends after the failover', () => ledger.size > before + 300);
    });
    report(`Sentinel failover ${run}, replica behind`, counts, {
      heals: sum(set.nodes, 'heals'),
      forks: sum(set.nodes, 'forks'),
    });
    expectNothingLost(counts);
    expect(counts.failed).toBe(0);
    expect(sum(set.nodes, 'heals')).toBeGreaterThan(0);
    expect(sum(set.nodes, 'forks')).toBe(0);
  });

  it('makes another generation where a node that had not seen the newest bytes wrote first after they were lost', async () => {
    const redis = later(await startRedis());
    const proxy = later(await startProxy(redis.port));
    const prefix = `${randomUUID()}:`;
    const nodeAt = async (port: number, name: string) =>
      later(await TestNode.start({ url: `redis://127.0.0.1:${port}`, prefix, name }));
    const asleep = await nodeAt(proxy.port, 'asleep');
    const mirror = await asleep.open(PATH);
    const append = (node: TestNode, text: string) =>
      node.log.append({ path: PATH, generation: mirror.generation, chunks: [Buffer.from(text)], producer: undefined });
    await append(asleep, 'both have this;');
    await redis.command('SAVE');
    await append(asleep, 'lost to the engine');
    // One node has no connection while Redis loses its newest bytes and another node writes.
    proxy.refuse();
    await redis.kill();
    await redis.restart();
    const awake = await nodeAt(redis.port, 'awake');
    const other = await awake.open(PATH);
    expect([other.generation, other.endOffset]).toEqual([mirror.generation, 15]);
    await append(awake, 'other bytes, as many');
    proxy.accept();
    await waitFor('the mirror to be replaced', () => mirror.isReplaced);
    await waitFor('that of the other node too', () => other.isReplaced);
    for (const node of [asleep, awake]) {
      const next = await node.open(PATH);
      expect(next.generation).not.toBe(mirror.generation);
      expect(next.bytesFrom(0).toString()).toBe('both have this;other bytes, as many');
    }
    await expect(append(awake, 'too late')).rejects.toMatchObject({ code: 'STREAM_RECREATED' });
    expect([asleep.log.counters.forks, awake.log.counters.forks]).toEqual([1, 0]);
  });

  it('tells a node that was stopped while 60 MB went by of one gap, exact to the byte', async () => {
    const retention = 4 << 20;
    const redis = later(await startRedis());
    const proxy = later(await startProxy(redis.port));
    const prefix = `${randomUUID()}:`;
    const nodeAt = async (port: number, name: string) =>
      later(await TestNode.start({ url: `redis://127.0.0.1:${port}`, prefix, name, retention }));
    const writer = await nodeAt(redis.port, 'writer');
    const stopped = await nodeAt(proxy.port, 'stopped');
    const own = await writer.open(PATH);
    const behind = await stopped.open(PATH);
    const ledger = new Ledger();
    const writeTo = (offset: number, name: string) =>
      write({ node: writer, path: PATH, name, ledger, size: 65536, until: () => own.endOffset > offset });
    await writeTo(1 << 20, 'before');
    await waitFor(() => behind.endOffset === own.endOffset);
    const from = own.endOffset;
    proxy.pause();
    await writeTo(61 << 20, 'meanwhile');
    proxy.resume();
    await writeTo(62 << 20, 'after');
    await waitFor(() => behind.endOffset === own.endOffset);
    // Data that was buffered when the reader was stopped may come before the gap.
    expect(behind.gaps.length).toBe(1);
    const [gap] = behind.gaps;
    expect(gap!.from).toBeGreaterThanOrEqual(from);
    expect(gap!.to - gap!.from).toBeGreaterThan(40 << 20);
    expect([behind.chunkCount, behind.endOffset]).toEqual([own.chunkCount, own.endOffset]);
    const start = Math.max(own.startOffset, behind.startOffset);
    expect(behind.bytesFrom(start).equals(own.bytesFrom(start))).toBe(true);
    const counts = { appends: ledger.size, gaps: behind.gaps, equalBytes: own.endOffset - start };
    process.stdout.write(`log on Redis, a node stopped: ${JSON.stringify(counts)}\n`);
  });

  it('spreads streams over a cluster of three masters', async () => {
    const cluster = later(await startCluster(3));
    const { nodes } = await nodesOn(cluster.url, ['a', 'b']);
    const paths = Array.from({ length: 60 }, (_, n) => `/streams/${n}`);
    const appended = await Promise.all(
      paths.map(async (path, n) => {
        const mirrors = await Promise.all(nodes.map((node) => node.open(path)));
        const { generation } = mirrors[0]!;
        for (let each = 0; each < 20; each++) {
          const { log } = nodes[(n + each) % 2]!;
          await log.append({ path, generation, chunks: [Buffer.from(`${n}:${each};`)], producer: undefined });
        }
        const expected = Array.from({ length: 20 }, (_, each) => `${n}:${each};`).join('');
        await waitFor(() => mirrors.every((mirror) => mirror.endOffset === expected.length));
        for (const mirror of mirrors) expect(mirror.bytesFrom(0).toString()).toBe(expected);
        return 20;
      }),
    );
    const keys = await Promise.all(cluster.servers.map((server) => server.command('DBSIZE')));
    for (const size of keys) expect(Number(size)).toBeGreaterThan(20);
    expect((await nodes[1]!.log.list('/streams', undefined, 100)).length).toBe(60);
    process.stdout.write(
      `log on Redis, cluster: ${JSON.stringify({ streams: 60, appends: appended.length * 20, keys })}\n`,
    );
  });

  it('loses nothing when a master of a cluster is killed and its replica takes its place', async () => {
    const replicated = ['--min-replicas-to-write', '1', '--min-replicas-max-lag', '1'];
    const args = [...replicated, '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];
    const cluster = later(await startCluster(3, { hasReplicas: true, args }));
    const set = await nodesOn(cluster.url, ['a', 'b']);
    // The tag alone determines the slot.
    const owner = Math.floor((slotOf(`{${PATH}}`) * cluster.servers.length) / 16384);
    const { counts } = await underLoad(set, async (ledger) => {
      const before = ledger.size;
      await waitFor('appends', () => ledger.size > before + 200);
      const killed = ledger.size;
      await cluster.servers[owner]!.kill();
      await waitFor('the replica to be a master', async () =>
        (await cluster.replicas[owner]!.command('INFO', 'replication')).includes('role:master'),
      );
      // Writes are refused until there is a replica: the former master becomes one.
      await cluster.servers[owner]!.restart();
      await waitFor('appends after the failover', () => ledger.size > killed + 300);
    });
    report('Cluster failover', counts, { heals: sum(set.nodes, 'heals'), forks: sum(set.nodes, 'forks') });
    expectNothingLost(counts);
    expect(counts.failed).toBe(0);
  });

  it('refuses what Redis has no memory for, keeps what it has, and continues when there is room', async () => {
    const redis = later(await startRedis({ args: ['--maxmemory', '40mb', '--maxmemory-policy', 'noeviction'] }));
    const { nodes, start } = await nodesOn(redis.url, ['a', 'b'], { retention: 256 << 20 });
    const [one, two] = nodes as [TestNode, TestNode];
    const ledger = new Ledger();
    const isFull = () => ledger.failed.size > 0;
    await write({ node: one, path: PATH, name: 'full', ledger, size: 65536, until: isFull });
    expect([...ledger.failed.values()]).toEqual(['LOG_FULL']);
    const kept = await one.open(PATH);
    const mirrors = [kept, await two.open(PATH), await (await start('joiner')).open(PATH)];
    await waitFor(() => mirrors.every((mirror) => mirror.endOffset === kept.endOffset));
    const counts = count(ledger, mirrors);
    report('out of memory', counts, { bytes: kept.endOffset });
    expectNothingLost(counts);
    // Removal needs no memory, and frees some.
    await two.log.finish(PATH, kept.generation, { reason: 'removed', status: undefined });
    await waitFor('the end on all nodes', () => mirrors.every((mirror) => mirror.end_?.reason === 'removed'));
    const write1000 = async () => {
      const { generation } = await one.open('/next');
      await one.log.append({ path: '/next', generation, chunks: [Buffer.alloc(1000)], producer: undefined });
    };
    await waitFor('room', () =>
      write1000().then(
        () => true,
        () => false,
      ),
    );
  });

  it('keeps generations of a path apart while it is removed and created again under load', async () => {
    const redis = later(await startRedis());
    const { nodes } = await nodesOn(redis.url, ['a', 'b', 'c']);
    const ledgers = nodes.map(() => new Ledger());
    let isOver = false;
    const writing = nodes.map((node, n) =>
      write({ node, path: PATH, name: `${n}`, ledger: ledgers[n]!, until: () => isOver }),
    );
    const seen = new Set<string>();
    let unexpected = 0;
    for (let round = 0; round < 30; round++) {
      const node = nodes[round % 3]!;
      const mirror = await node.open(PATH);
      seen.add(mirror.generation);
      await waitFor('appends', () => mirror.endOffset > 500 || mirror.end_ !== undefined);
      await node.log.finish(PATH, mirror.generation, { reason: 'removed', status: undefined });
      // On all nodes, or the next would remove the same generation again.
      const mirrorsOfLife = () =>
        nodes.map((each) => each.mirrors.get(PATH)).filter((each) => each?.generation === mirror.generation);
      await waitFor('the end on all nodes', () => mirrorsOfLife().every((each) => each?.end_ !== undefined));
    }
    isOver = true;
    await Promise.all(writing);
    for (const ledger of ledgers) {
      for (const code of ledger.failed.values()) if (!/^STREAM_(NOT_FOUND|RECREATED|CLOSED)$/.test(code)) unexpected++;
    }
    const appends = ledgers.reduce((total, { size }) => total + size, 0);
    process.stdout.write(
      `log on Redis, removed and recreated: ${JSON.stringify({ generations: seen.size, appends, unexpected })}\n`,
    );
    expect(unexpected).toBe(0);
    expect(seen.size).toBe(30);
    expect(appends).toBeGreaterThan(100);
  });

  it('says what it waits for while Redis is away, refuses writes when their time is over, and recovers by itself', async () => {
    const redis = later(await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] }));
    const { nodes } = await nodesOn(redis.url, ['a'], { deadline: 1000 });
    const [node] = nodes as [TestNode];
    const { generation } = await node.open(PATH);
    const append = () => node.log.append({ path: PATH, generation, chunks: [Buffer.from('x')], producer: undefined });
    await append();
    await redis.kill();
    await waitFor(() => !node.log.state.isConnected);
    await waitFor('what is wrong', () => node.log.state.problem?.includes('ECONNREFUSED'));
    await expect(append()).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE', status: 503 });
    await expect(node.log.find(PATH)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    await redis.restart();
    await waitFor(() => node.log.state.isConnected);
    expect(node.log.state.problem).toBeUndefined();
    expect((await append()).endOffset).toBe(2);
  });

  it('notices a Redis that is stopped, and continues when it is', async () => {
    const redis = later(await startRedis());
    const set = await nodesOn(redis.url, ['a', 'b']);
    const { counts } = await underLoad(set, async (ledger) => {
      const before = ledger.size;
      redis.stop();
      await waitFor('the silence to be noticed', () => set.nodes.every(({ log }) => !log.state.isConnected));
      redis.resume();
      await waitFor('appends after it', () => ledger.size > before + 300);
    });
    report('Redis stopped', counts, { retries: sum(set.nodes, 'retries') });
    expectNothingLost(counts);
    expect(counts.failed).toBe(0);
  });
});
