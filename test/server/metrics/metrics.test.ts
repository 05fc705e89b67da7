import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryBudget } from '../../../src/core/index.ts';
import { LimitCounters } from '../../../src/fs/index.ts';
import type { ServerStats } from '../../../src/protocol/index.ts';
import { METRICS_TYPE } from '../../../src/server/metrics/index.ts';
import { waitFor } from '../../harness/wait.ts';
import { connectTo } from '../../harness/wire.ts';
import { follow, type Running, start } from '../harness.ts';
import { parseExposition } from './exposition.ts';

const MB = 1024 * 1024;

/** The metrics of a server, by name and labels. Fails if the text is invalid. */
async function scrape(at: Running): Promise<Record<string, number>> {
  const { text } = await at.call('GET', '/metrics');
  return Object.fromEntries([...parseExposition(text).values()].flatMap(({ samples }) => [...samples]));
}

describe('GET /metrics', () => {
  it('is text for Prometheus, at the root and below the base', async () => {
    const at = await start({ mounted: { '/s': 'streamfs', '/mem': 'memfs' } });
    for (const target of ['/metrics', '/api/v1/metrics']) {
      const response = await at.call('GET', target);
      expect(response).toMatchObject({ status: 200, headers: { 'content-type': METRICS_TYPE } });
      expect(parseExposition(response.text).size).toBeGreaterThan(25);
    }
  });

  it('counts bytes and chunks in and out exactly, by mount, and remembers those of readers and streams that are gone', async () => {
    const at = await start({ mounted: { '/s': 'streamfs', '/t': 'streamfs', '/mem': 'memfs' } });
    const readers = [];
    for (let n = 0; n < 3; n++) readers.push(await follow(at.port, '/files?path=/s/a&stream=true'));
    for (const size of [1, 1000, 70_000]) await at.call('PUT', '/files?path=/s/a', { body: Buffer.alloc(size) });
    await at.call('PUT', '/files?path=/t/b', { body: 'xyz' });
    for (const reader of readers) await reader.until(71_001);
    const expected = {
      'streamfs_received_bytes_total{mount="/s"}': 71_001,
      'streamfs_delivered_bytes_total{mount="/s"}': 3 * 71_001,
      'streamfs_received_bytes_total{mount="/t"}': 3,
      'streamfs_received_chunks_total{mount="/t"}': 1,
      'streamfs_delivered_bytes_total{mount="/t"}': 0,
      'streamfs_skipped_bytes_total{mount="/s"}': 0,
    };
    const first = await scrape(at);
    expect(first).toMatchObject({ ...expected, 'streamfs_readers{mount="/s"}': 3, streamfs_live_reads: 3 });
    // However the long body was cut: each reader received the last byte of every chunk.
    const chunks = first['streamfs_received_chunks_total{mount="/s"}']!;
    expect(chunks).toBeGreaterThanOrEqual(4);
    expect(first['streamfs_delivered_chunks_total{mount="/s"}']).toBe(3 * chunks);
    readers[0]!.cut();
    await at.call('DELETE', '/files?path=/s/a');
    for (const reader of readers) await reader.end();
    await waitFor(() => at.mounts.totals()[0]!.totals.readers === 0);
    expect(await scrape(at)).toMatchObject({
      ...expected,
      ...{ 'streamfs_streams{mount="/s"}': 0, 'streamfs_retained_bytes{mount="/s"}': 0, streamfs_live_reads: 0 },
      ...{ 'streamfs_live_reads_total{end="removed"}': 2, 'streamfs_live_reads_total{end="cut"}': 1 },
    });
  });

  it('contract 8: says what readers lost, how far they are behind, and what can be read again', async () => {
    const at = await start({
      mounted: { '/s': { fstype: 'streamfs', config: { ring_buffer_size: '4KB', channel_buffer_size: '4KB' } } },
    });
    const { handle_id: id } = (await at.call('POST', '/handles/open?path=/s/a')).json();
    for (let n = 0; n < 10; n++) await at.call('PUT', '/files?path=/s/a', { body: Buffer.alloc(1000) });
    expect(await scrape(at)).toMatchObject({
      'streamfs_reader_lag_max_bytes{mount="/s"}': 10_000,
      'streamfs_retained_bytes{mount="/s"}': 4096,
      streamfs_handles: 1,
    });
    const { headers } = await at.call('GET', `/handles/${String(id)}/read?size=10000`);
    const skipped = Number(headers['x-stream-skipped']);
    expect(skipped).toBe(10_000 - 4096);
    await waitFor(() => at.mounts.totals()[0]!.totals.deliveredBytes > 0);
    const after = await scrape(at);
    expect(after).toMatchObject({
      'streamfs_skipped_bytes_total{mount="/s"}': skipped,
      'streamfs_skipped_chunks_total{mount="/s"}': 6,
    });
    const { 'streamfs_delivered_bytes_total{mount="/s"}': delivered = 0 } = after;
    expect(delivered + skipped + after['streamfs_reader_lag_max_bytes{mount="/s"}']!).toBe(10_000);
  });

  it('tells of the log on disk of each mount that has one: bytes, backlog, state, syncs, recovery and damage', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'streamfs-metrics-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const persist = { fstype: 'streamfs', config: { persist: directory, persist_sync: 'always' } };
    const at = await start({ mounted: { '/s': persist, '/t': 'streamfs' } });
    await at.call('PUT', '/files?path=/s/a', { body: Buffer.alloc(100_000) });
    const found = await scrape(at);
    expect(found).toMatchObject({
      ...{ 'streamfs_disk_state{mount="/s",state="ok"}': 1, 'streamfs_disk_state{mount="/s",state="full"}': 0 },
      ...{ 'streamfs_disk_state{mount="/s",state="failed"}': 0, 'streamfs_disk_backlog_bytes{mount="/s"}': 0 },
      ...{ 'streamfs_disk_recovered_streams{mount="/s"}': 0, 'streamfs_disk_damages{mount="/s"}': 0 },
    });
    const bytes = (kind: string) => found[`streamfs_disk_bytes{mount="/s",kind="${kind}"}`]!;
    expect(bytes('journal') + bytes('segment')).toBeGreaterThan(100_000);
    expect(found['streamfs_disk_written_bytes_total{mount="/s"}']).toBeGreaterThan(100_000);
    for (const name of ['sync_seconds_count', 'sync_seconds_sum', 'recovery_seconds', 'open_files']) {
      expect(found[`streamfs_disk_${name}{mount="/s"}`], name).toBeGreaterThan(0);
    }
    expect(Object.keys(found).filter((name) => name.startsWith('streamfs_disk') && name.includes('/t'))).toEqual([]);
    const { disks } = (await at.call('GET', '/stats')).json() as unknown as ServerStats;
    expect(disks).toEqual([{ path: '/s', state: 'ok', bytes: bytes('journal') + bytes('segment'), backlog: 0 }]);
    await at.mounts.unmount('/s');
    await at.mounts.mount('streamfs', '/s', persist.config);
    expect(await scrape(at)).toMatchObject({ 'streamfs_disk_recovered_streams{mount="/s"}': 1 });
  });

  it('has memory and its bound, and every limit with how often it was reached', async () => {
    const counters = new LimitCounters();
    const at = await start({
      ...{ memory: new MemoryBudget(64 * MB), counters },
      mounted: { '/s': { fstype: 'streamfs', config: { max_streams: 1 } } },
    });
    await at.call('PUT', '/files?path=/s/a', { body: 'x' });
    expect((await at.call('PUT', '/files?path=/s/b', { body: 'x' })).status).toBe(429);
    const found = await scrape(at);
    expect(found).toMatchObject({
      ...{ streamfs_memory_limit_bytes: 64 * MB, 'streamfs_limit_hits_total{limit="streams"}': 1 },
      ...{ 'streamfs_limit_hits_total{limit="memory"}': 0, streamfs_connections: 1 },
    });
    expect(found['streamfs_memory_used_bytes{kind="history"}']).toBeGreaterThan(0);
    expect(found['streamfs_memory_used_bytes{kind="fixed"}']).toBeGreaterThan(0);
    const limits = Object.keys(found).filter((name) => name.startsWith('streamfs_limit_hits_total'));
    expect(limits).toHaveLength([...counters.entries()].length);
  });

  it('without a bound says so', async () => {
    expect((await scrape(await start())).streamfs_memory_limit_bytes).toBe(Number.POSITIVE_INFINITY);
  });

  it('has requests and their durations by route and class of status, without live reads', async () => {
    const at = await start({ mounted: { '/s': 'streamfs', '/mem': 'memfs' } });
    const live = await follow(at.port, '/files?path=/s/a&stream=true');
    for (let n = 0; n < 5; n++) await at.call('PUT', '/files?path=/s/a', { body: 'x' });
    await at.call('GET', '/stat?path=/mem/absent');
    await at.call('GET', '/nowhere');
    await at.call('HEAD', '/version');
    live.cut();
    const name = 'streamfs_http_request_duration_seconds';
    const count = (route: string, status: string) => `${name}_count{route="${route}",status="${status}"}`;
    const found = await scrape(at);
    expect(found).toMatchObject({
      [count('PUT /api/v1/files', '2xx')]: 5,
      [count('GET /api/v1/stat', '4xx')]: 1,
      [count('none', '4xx')]: 1,
      [count('GET /api/v1/version', '2xx')]: 1,
    });
    expect(Object.keys(found).filter((key) => key.includes('GET /api/v1/files'))).toEqual([]);
    expect(found[`${name}_sum{route="PUT /api/v1/files",status="2xx"}`]).toBeGreaterThan(0);
  });

  it('counts a client that goes away before it has a response as one, not as a response', async () => {
    const at = await start({ mounted: { '/s': 'streamfs' } });
    const { handle_id: id } = (await at.call('POST', '/handles/open?path=/s/a')).json();
    const arrived = once(at.server.http, 'request');
    const one = await connectTo(at.port);
    one.send(`GET /api/v1/handles/${String(id)}/read HTTP/1.1\r\nHost: x\r\n\r\n`);
    await arrived;
    one.socket.resetAndDestroy();
    await waitFor(() => at.log.some(({ facts }) => facts.status === 499));
    const found = await scrape(at);
    expect(
      found['streamfs_http_request_duration_seconds_count{route="GET /api/v1/handles/:id/read",status="4xx"}'],
    ).toBe(1);
  });

  it('tells of the process and of its event loop', async () => {
    const at = await start();
    const name = 'streamfs_event_loop_delay_seconds';
    await waitFor(async () => (await scrape(at))[`${name}_count`]! > 0);
    const found = await scrape(at);
    expect(found.process_resident_memory_bytes).toBeGreaterThan(10 * MB);
    expect(found.process_cpu_seconds_total).toBeGreaterThan(0);
    expect(found.process_open_fds).toBeGreaterThan(3);
    expect(found.process_max_fds).toBeGreaterThan(found.process_open_fds!);
    expect(Math.abs(found.process_start_time_seconds! - Date.now() / 1000)).toBeLessThan(24 * 3600);
    expect(Object.keys(found).find((key) => key.startsWith('streamfs_build_info{version="9.8.7"'))).toBeDefined();
    // Blocked for longer than all but the last buckets.
    const before = found[`${name}_bucket{le="0.25"}`]!;
    const slow = found[`${name}_count`]! - before;
    const until = performance.now() + 600;
    while (performance.now() < until);
    const longer = (all: Record<string, number>) => all[`${name}_count`]! - all[`${name}_bucket{le="0.25"}`]!;
    await waitFor(async () => longer(await scrape(at)) !== slow);
  });

  it('takes the metrics of others', async () => {
    const at = await start();
    at.server.metrics.gauge('streamfs_others_bytes', 'Of somebody else.', () => 7);
    expect((await scrape(at)).streamfs_others_bytes).toBe(7);
  });

  it('is right by our own reading of the format, and by promtool where that is there: CI has it', async () => {
    const at = await start({ mounted: { '/s': 'streamfs', '/mem': 'memfs', '/odd "\\ name': 'streamfs' } });
    await at.call('PUT', '/files?path=/s/a', { body: 'x' });
    const live = await follow(at.port, '/files?path=/s/a&stream=true');
    live.cut();
    const { text } = await at.call('GET', '/metrics');
    expect(parseExposition(text).get('streamfs_streams')?.samples.size).toBe(2);
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    const isAbsent = (checked.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    if (isAbsent && process.env.CI !== 'true') return;
    expect(checked).toMatchObject({ status: 0, stderr: '', stdout: '' });
  });
});
