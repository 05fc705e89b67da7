/** The systems that bench/log.mjs compares: how a node joins, creates and follows a stream, and appends to one. */
import { natsClient, requestJetStream } from './nats-client.mjs';

/** Bytes of a stream that each system retains. */
const RETENTION = 8 << 20;

export const LIMITS = { maxStreams: 1_000_000, maxProducers: 100, producerTtl: 0 };
export const quiet = { debug() {}, info() {}, warn() {}, error() {} };

async function read(reader, onData) {
  for await (const record of reader) if (record.type === 'data') onData(record.data);
}

/** StreamFS with a shared log on Redis: the streams that readers of a node are fed from. */
async function joinLog(port) {
  const { openLog } = await import('../dist/logs/index.js');
  const { Stream } = await import('../dist/core/index.js');
  const url = new URL(`redis://127.0.0.1:${port}`);
  const log = await openLog({
    url,
    node: String(process.pid),
    prefix: 'bench:',
    deadline: 20_000,
    limits: LIMITS,
    logger: quiet,
  });
  await log.start();
  const generations = new Map();
  const open = async (path, onData, readers = 0) => {
    const terms = { retention: RETENTION, ttl: undefined, expiresAt: undefined, facts: '{}' };
    const { stream } = await log.create({ path, ...terms });
    generations.set(path, stream.generation);
    const ring = new Stream({ retention: RETENTION, maxLag: RETENTION });
    const sink = {
      get endOffset() {
        return ring.endOffset;
      },
      facts() {},
      data(chunks) {
        for (const chunk of chunks) ring.append(chunk);
      },
      gap() {},
      end() {},
      replaced() {},
      retained: () => undefined,
    };
    await log.follow(path, stream.generation, sink).caughtUp;
    for (let n = 0; n < readers; n++) void read(ring.openReader({ start: { from: 'live' } }), onData);
  };
  const append = (path, bytes) =>
    log.append({ path, generation: generations.get(path), chunks: [bytes], producer: undefined });
  return { open, append };
}

/** Plain Redis with XADD and XREAD: no ring, no offsets, one reader. */
async function joinRedis(port) {
  const { createClient, RESP_TYPES } = await import('@redis/client');
  const connect = async () => {
    const options = {
      RESP: 2,
      socket: { host: '127.0.0.1', port },
      commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
    };
    const client = createClient(options);
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const writer = await connect();
  const paths = [];
  const open = async (path, onData, readers = 0) => {
    paths.push(`plain:${path}`);
    if (readers === 0 || paths.length > 1) return;
    for (let n = 0; n < readers; n++) loop(await connect(), onData).catch(() => {});
  };
  const loop = async (reader, onData) => {
    const last = new Map();
    for (;;) {
      for (const path of paths.slice(last.size)) last.set(path, '$');
      const keys = [...last.keys()];
      const ids = keys.map((key) => last.get(key));
      const reply = await reader.sendCommand(['XREAD', 'COUNT', '1000', 'BLOCK', '1000', 'STREAMS', ...keys, ...ids]);
      for (const [key, entries] of reply ?? []) {
        for (const [id, [, bytes]] of entries) {
          last.set(String(key), String(id));
          onData(bytes);
        }
      }
    }
  };
  const append = (path, bytes) => {
    const most = String(Math.ceil(RETENTION / bytes.length));
    return writer.sendCommand(['XADD', `plain:${path}`, 'MAXLEN', '~', most, '*', 'd', bytes]);
  };
  return { open, append };
}

/** JetStream in memory, with a push consumer for each reader: only the needed part of its protocol. */
async function joinJetStream(port) {
  const client = await natsClient(port);
  const ask = (subject, body) => requestJetStream(client, subject, body);
  const config = { name: 'B', subjects: ['b.>'], storage: 'memory', retention: 'limits', discard: 'old' };
  await ask('STREAM.CREATE.B', { ...config, max_bytes: RETENTION });
  let isFollowed = false;
  const open = async (_path, onData, readers = 0) => {
    if (isFollowed) return;
    isFollowed = true;
    for (let n = 0; n < readers; n++) {
      const own = await natsClient(port);
      const subject = `d.${process.pid}.${n}`;
      own.subscribe(subject, onData);
      const wanted = { deliver_subject: subject, ack_policy: 'none', deliver_policy: 'new', filter_subject: 'b.>' };
      await ask('CONSUMER.CREATE.B', { stream_name: 'B', config: wanted });
    }
  };
  const append = (path, bytes) => client.request(`b${path.replaceAll('/', '.')}`, bytes);
  return { open, append };
}

const redis = {
  command: (port, directory) => ['redis-server', '--port', port, '--dir', directory, '--save', ''],
  ready: 'Ready to accept',
};

export const WAYS = {
  log: { ...redis, title: 'a log on Redis', join: joinLog },
  redis: { ...redis, title: 'plain Redis Streams', join: joinRedis },
  jetstream: {
    title: 'NATS JetStream',
    command: (port, directory) => ['nats-server', '-js', '-a', '127.0.0.1', '-p', port, '-sd', directory],
    ready: 'Server is ready',
    join: joinJetStream,
  },
};
