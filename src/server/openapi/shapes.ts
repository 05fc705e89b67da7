/**
 * The schemas of JSON responses, in JSON Schema 2020-12, with examples. A test validates real responses against them.
 */
import { LAG_POLICIES } from '../../protocol/index.ts';
import type { ShapeName } from '../http/responses.ts';

type Schema = Readonly<Record<string, unknown>>;

const text = { type: 'string' };
const flag = { type: 'boolean' };
const count = { type: 'integer', minimum: 0 };
const number = { type: 'number', minimum: 0 };
const time = { type: 'string', format: 'date-time' };

/** All properties are required, except those in `optional`. A later version may add others. */
function object(properties: Readonly<Record<string, unknown>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required };
}

const list = (items: unknown) => ({ type: 'array', items });
const shape = (name: ShapeName) => ({ $ref: `#/components/schemas/${name}` });

const VERSION = { version: text, gitCommit: text, buildTime: text };

const CAPABILITIES = [
  ...['isAppendOnly', 'isBroadcast', 'isReadOnly', 'supportsRandomWrite', 'supportsTruncate', 'supportsRename'],
  ...['supportsDirectories', 'supportsStreamRead', 'supportsStreamWrite', 'supportsFileHandle', 'supportsTouch'],
  ...['supportsSymlink', 'supportsSync', 'isReadDestructive', 'isObjectStore'],
];

const MATCH = object({ file: text, line: { type: 'integer', minimum: 1 }, content: text });

const READER = object(
  {
    id: count,
    path: text,
    address: { type: ['string', 'null'] },
    since: time,
    kind: text,
    handle: count,
    policy: { enum: LAG_POLICIES },
    state: { enum: ['live', 'catching-up', 'ending', 'stalled'] },
    offset: count,
    lag: count,
    allowed_lag: count,
    bytes: count,
    skipped_bytes: count,
    skipped_chunks: count,
    generation: text,
  },
  ['handle'],
);

export const SHAPES: Readonly<Record<ShapeName, Schema>> = {
  Message: { ...object({ message: text }), examples: [{ message: 'file created' }] },
  FileInfo: {
    ...object({
      name: text,
      size: count,
      mode: { ...count, description: 'Permission bits: 420 is 0644.' },
      modTime: time,
      isDir: flag,
      meta: object({
        Name: { ...text, description: 'The plugin.' },
        Type: text,
        Content: { type: ['object', 'null'], additionalProperties: text },
      }),
    }),
    examples: [
      {
        ...{ name: 'log', size: 4096, mode: 420, modTime: '2030-01-02T03:04:05.678Z', isDir: false },
        meta: { Name: 'streamfs', Type: 'stream', Content: { end_offset: '4096', generation: '1a2b3c4d5e6f7a8b9c0d' } },
      },
    ],
  },
  FileList: { ...object({ files: list(shape('FileInfo')), next: text }, ['next']), examples: [{ files: [] }] },
  Target: { ...object({ target: text }), examples: [{ target: '/memfs/file' }] },
  Digest: {
    ...object({ algorithm: { enum: ['xxh3', 'md5'] }, path: text, digest: { type: 'string', pattern: '^[0-9a-f]+$' } }),
    examples: [{ algorithm: 'md5', path: '/memfs/file', digest: 'd41d8cd98f00b204e9800998ecf8427e' }],
  },
  Matches: {
    ...object({ matches: list(MATCH), count, truncated: flag }, ['truncated']),
    examples: [{ matches: [{ file: '/memfs/file', line: 1, content: 'a line' }], count: 1 }],
  },
  Handle: {
    ...object({
      ...{ handle_id: count, id: count, path: text, flags: count, lease: count },
      ...{ expires_at: time, created_at: time, last_access: time },
    }),
    examples: [
      {
        ...{ handle_id: 1, id: 1, path: '/streamfs/log', flags: 0, lease: 60 },
        ...{ expires_at: '2030-01-02T03:05:05.678Z', created_at: '2030-01-02T03:04:05.678Z' },
        last_access: '2030-01-02T03:04:05.678Z',
      },
    ],
  },
  HandleList: {
    ...object({ handles: list(shape('Handle')), count, max: count }),
    examples: [{ handles: [], count: 0, max: 10000 }],
  },
  HandleWrite: {
    ...object({ bytes_written: count, position: count }),
    examples: [{ bytes_written: 5, position: 4101 }],
  },
  Position: { ...object({ position: count, offset: count }), examples: [{ position: 4096, offset: 4096 }] },
  Link: {
    ...object({ url: text, path: text, right: { enum: ['read', 'write'] }, expires_at: time }),
    examples: [
      {
        url: '/api/v1/files?path=/streamfs/tv&stream=true&expires=1893557046&signature=m4rkm4rk',
        ...{ path: '/streamfs/tv', right: 'read', expires_at: '2030-01-02T04:04:06.000Z' },
      },
    ],
  },
  ReaderList: {
    ...object({ readers: list(READER), node: text, count, next: count }, ['node', 'next']),
    examples: [{ readers: [], count: 0 }],
  },
  MountList: {
    ...object({
      mounts: list(
        object(
          {
            ...{ path: text, pluginName: text, instance: text, error: text },
            status: { enum: ['pending', 'mounted', 'failed'] },
            config: { type: 'object' },
          },
          ['instance', 'error', 'config'],
        ),
      ),
    }),
    examples: [{ mounts: [{ path: '/streamfs', pluginName: 'streamfs', status: 'mounted' }] }],
  },
  PluginList: {
    ...object({
      plugins: list(
        object({
          name: text,
          is_external: { const: false },
          mounted_paths: list(object({ path: text, config: { type: 'object' } }, ['config'])),
          config_params: list({ type: 'object' }),
        }),
      ),
    }),
    examples: [{ plugins: [] }],
  },
  Service: {
    ...object({ service: text, version: text, status: text }),
    examples: [{ service: 'StreamFS', version: '0.1.0', status: 'running' }],
  },
  Health: {
    ...object(
      {
        status: { enum: ['healthy', 'starting', 'degraded'] },
        ...VERSION,
        ...{ ready: flag, degraded: flag },
        mounts: object({ total: count, pending: count, mounted: count, failed: count }),
        disks: object({ total: count, full: count, failed: count }),
        logs: object({ total: count, connected: count }),
      },
      ['disks', 'logs'],
    ),
    examples: [
      {
        ...{ status: 'healthy', version: '0.1.0', gitCommit: '1a2b3c4', buildTime: '2030-01-02T03:04:05Z' },
        ...{ ready: true, degraded: false, mounts: { total: 1, pending: 0, mounted: 1, failed: 0 } },
      },
    ],
  },
  ServerStats: {
    ...object({
      memory: object({
        ...{ limit: count, used: count, fixed: count, history: count, queued: count, peak: count, given_up: count },
      }),
      ...{ streams: count, readers: count, handles: count, connections: count },
      totals: object({ received: count, delivered: count, skipped: count }),
      disks: list(
        object({ path: text, state: { enum: ['ok', 'full', 'failed'] }, problem: text, bytes: count, backlog: count }, [
          'problem',
        ]),
      ),
      logs: list(
        object({ path: text, log: text, node: text, connected: flag, problem: text, mirrors: count, waiting: count }, [
          'problem',
        ]),
      ),
      process: object({ started_at: time, resident: count, cpu_seconds: number, event_loop_delay_ms: number }),
      limits: { type: 'object', additionalProperties: count },
    }),
    examples: [
      {
        memory: { limit: 0, used: 8192, fixed: 4096, history: 4096, queued: 0, peak: 8192, given_up: 0 },
        ...{ streams: 1, readers: 0, handles: 0, connections: 1, limits: {} },
        totals: { received: 4096, delivered: 8192, skipped: 0 },
        disks: [{ path: '/streamfs', state: 'ok', bytes: 65536, backlog: 0 }],
        logs: [],
        process: {
          ...{ started_at: '2030-01-02T03:04:05.678Z', resident: 52428800, cpu_seconds: 0.25 },
          event_loop_delay_ms: 1.5,
        },
      },
    ],
  },
  Version: {
    ...object(VERSION),
    examples: [{ version: '0.1.0', gitCommit: '1a2b3c4', buildTime: '2030-01-02T03:04:05Z' }],
  },
  Features: {
    ...object({ version: text, features: list(text) }),
    examples: [{ version: '0.1.0', features: ['stream', 'frames', 'offsets'] }],
  },
  PathCapabilities: {
    ...object(Object.fromEntries(CAPABILITIES.map((name) => [name, flag]))),
    examples: [Object.fromEntries(CAPABILITIES.map((name) => [name, name === 'isAppendOnly']))],
  },
  OpenApi: { ...object({ openapi: text, info: { type: 'object' }, paths: { type: 'object' } }) },
};
