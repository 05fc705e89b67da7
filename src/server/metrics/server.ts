/** The metrics of a server: streams and readers by mount, memory, connections, limits. */
import type { DiskTotals, LogTotals, StreamTotals } from '../../fs/index.ts';
import { samplesOf } from './histogram.ts';
import type { Metrics, Sample } from './registry.ts';
import type { MetricsSource } from './source.ts';

const DISK_STATES: readonly DiskTotals['state'][] = ['ok', 'full', 'failed'];

export function describeServer(
  metrics: Metrics,
  { limits, handles, mounts, version, sharesReads }: MetricsSource,
): void {
  const { memory, connections, reads, counters } = limits;

  // ── streams, for each mount that has some ─────────────────────────────────────────────────────────────────────
  let totals: { path: string; totals: StreamTotals }[] = [];
  metrics.before(() => {
    totals = mounts.totals();
  });
  const each = (key: keyof StreamTotals) => (): Sample[] =>
    totals.map((mount) => ({ labels: { mount: mount.path }, value: mount.totals[key] }));
  metrics.counter('streamfs_received_bytes_total', 'Bytes appended to streams.', each('receivedBytes'));
  metrics.counter('streamfs_received_chunks_total', 'Chunks appended to streams.', each('receivedChunks'));
  metrics.counter('streamfs_delivered_bytes_total', 'Bytes given to readers.', each('deliveredBytes'));
  metrics.counter(
    'streamfs_delivered_chunks_total',
    'Chunks whose last byte was given to readers.',
    each('deliveredChunks'),
  );
  metrics.counter('streamfs_skipped_bytes_total', 'Bytes that readers lost by being too slow.', each('skippedBytes'));
  metrics.counter(
    'streamfs_skipped_chunks_total',
    'Chunks of which readers lost bytes, as far as the ring still had their boundaries.',
    each('skippedChunks'),
  );
  metrics.gauge('streamfs_streams', 'Streams.', each('streams'));
  metrics.gauge('streamfs_readers', 'Readers of streams, handles included.', each('readers'));
  metrics.gauge('streamfs_writers', 'Bodies that are being appended to streams.', each('writers'));
  metrics.gauge('streamfs_retained_bytes', 'Bytes of streams that can be read again.', each('retainedBytes'));
  metrics.gauge('streamfs_reader_lag_max_bytes', 'How far the slowest reader is behind.', each('maxLag'));

  // ── logs on disk, for each mount that has one ─────────────────────────────────────────────────────────────────
  let disks: { path: string; disk: DiskTotals }[] = [];
  metrics.before(() => {
    disks = mounts.disks();
  });
  const ofDisk = (key: Exclude<keyof DiskTotals, 'state' | 'problem' | 'syncs'>) => (): Sample[] =>
    disks.map(({ disk, path }) => ({ labels: { mount: path }, value: disk[key] }));
  metrics.gauge('streamfs_disk_bytes', 'Size of the log of a mount on disk, by kind of file.', () =>
    disks.flatMap(({ disk, path }) => [
      { labels: { mount: path, kind: 'journal' }, value: disk.journalBytes },
      { labels: { mount: path, kind: 'segment' }, value: disk.segmentBytes },
    ]),
  );
  metrics.gauge(
    'streamfs_disk_backlog_bytes',
    'Bytes that are appended but not yet written to disk.',
    ofDisk('backlog'),
  );
  metrics.gauge(
    'streamfs_disk_state',
    'Whether the log can be written: 1 for the state it is in, of ok, full and failed.',
    () =>
      disks.flatMap(({ disk, path }) =>
        DISK_STATES.map((state) => ({ labels: { mount: path, state }, value: disk.state === state ? 1 : 0 })),
      ),
  );
  metrics.gauge('streamfs_disk_open_files', 'Files of the log that are open.', ofDisk('openFiles'));
  metrics.counter(
    'streamfs_disk_written_bytes_total',
    'Bytes written to journals and segments.',
    ofDisk('writtenBytes'),
  );
  metrics.histogram('streamfs_disk_sync_seconds', 'Duration of an fsync of the log.', () =>
    disks.flatMap(({ disk, path }) => [...samplesOf(disk.syncs, { mount: path })]),
  );
  metrics.counter(
    'streamfs_disk_blocks_given_total',
    'Blocks given to readers from bytes that are only on disk.',
    ofDisk('blocksGiven'),
  );
  metrics.counter(
    'streamfs_disk_blocks_read_total',
    'Of these, the blocks that had to be read from disk because they were not cached.',
    ofDisk('blocksRead'),
  );
  metrics.gauge(
    'streamfs_disk_recovery_seconds',
    'Duration of the recovery when the log was opened.',
    ofDisk('recoverySeconds'),
  );
  metrics.gauge('streamfs_disk_recovered_streams', 'Streams found during recovery.', ofDisk('recoveredStreams'));
  metrics.gauge('streamfs_disk_damages', 'Damaged places found in the log, at startup and since.', ofDisk('damages'));

  // ── logs that are shared with other servers, for each mount that has one ──────────────────────────────────────
  let logs: { path: string; log: LogTotals }[] = [];
  metrics.before(() => {
    logs = mounts.logs();
  });
  const ofLog = (value: (log: LogTotals) => number) => (): Sample[] =>
    logs.map(({ log, path }) => ({ labels: { mount: path, node: log.node }, value: value(log) }));
  metrics.gauge(
    'streamfs_log_connected',
    'Whether the shared log can be reached.',
    ofLog(({ isConnected }) => (isConnected ? 1 : 0)),
  );
  metrics.gauge(
    'streamfs_log_mirrors',
    'Streams that this server mirrors.',
    ofLog(({ mirrors }) => mirrors),
  );
  metrics.gauge(
    'streamfs_log_waiting_bytes',
    'Bytes from writers that are not in the log yet.',
    ofLog(({ waitingBytes }) => waitingBytes),
  );
  metrics.counter(
    'streamfs_log_appended_bytes_total',
    'Bytes that this server appended to the log.',
    ofLog(({ appendedBytes }) => appendedBytes),
  );
  metrics.counter(
    'streamfs_log_batches_total',
    'Batches that this server appended to the log.',
    ofLog(({ batches }) => batches),
  );
  metrics.counter(
    'streamfs_log_retries_total',
    'Retried calls to the log.',
    ofLog(({ retries }) => retries),
  );
  metrics.counter(
    'streamfs_log_gaps_total',
    'How often bytes left the log before this server had them.',
    ofLog(({ gaps }) => gaps),
  );
  metrics.counter(
    'streamfs_log_gap_bytes_total',
    'Bytes that left the log before this server had them.',
    ofLog(({ gapBytes }) => gapBytes),
  );
  metrics.counter(
    'streamfs_log_heals_total',
    'How often this server restored bytes that the log had lost.',
    ofLog(({ heals }) => heals),
  );
  metrics.counter(
    'streamfs_log_forks_total',
    'How often the log had other bytes than this server.',
    ofLog(({ forks }) => forks),
  );

  // ── the server ────────────────────────────────────────────────────────────────────────────────────────────────
  metrics.gauge('streamfs_live_reads', 'Live reads in progress.', () => reads.count);
  metrics.counter('streamfs_live_reads_total', 'Finished live reads, by the reason of their end.', () =>
    [...reads.ends()].map(([end, value]) => ({ labels: { end }, value })),
  );
  metrics.gauge('streamfs_handles', 'Open handles.', () => handles.size);
  metrics.gauge('streamfs_connections', 'Connections.', () => connections.size);
  metrics.gauge(
    'streamfs_shared_reads',
    'Whether connections are read into one shared buffer; 0 with server.shared_reads: off, with TLS, and where Node does not allow it.',
    () => (sharesReads() ? 1 : 0),
  );
  metrics.gauge('streamfs_mounts', 'Mounts, by status.', () => {
    const { total: _, ...counts } = mounts.counts();
    return Object.entries(counts).map(([status, value]) => ({ labels: { status }, value }));
  });
  metrics.counter('streamfs_limit_hits_total', 'How often a limit was reached, by its name in docs/limits.md.', () =>
    [...counters.entries()].map(([limit, value]) => ({ labels: { limit }, value })),
  );

  // ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────
  metrics.gauge('streamfs_memory_limit_bytes', 'The value of max_memory; +Inf for no limit.', () => memory.limit);
  metrics.gauge('streamfs_memory_used_bytes', 'Memory in use, by kind; queued: waiting in sockets.', () => [
    ...(['fixed', 'history', 'queued'] as const).map((kind) => ({ labels: { kind }, value: memory[kind] })),
  ]);
  metrics.gauge('streamfs_memory_peak_bytes', 'Peak memory in use.', () => memory.peak);
  metrics.counter(
    'streamfs_memory_given_up_bytes_total',
    'History that was evicted because of the memory limit.',
    () => memory.givenUp,
  );
  metrics.gauge('streamfs_build_info', 'The version of the build; always 1.', () => [
    { labels: { version: version.version, commit: version.gitCommit, node: process.versions.node }, value: 1 },
  ]);
}
