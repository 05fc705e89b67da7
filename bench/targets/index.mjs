/**
 * The servers that are measured: how each is found and started, and how the generator's templates express its protocol.
 * A target lists the scenarios it supports in `does`.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildNative } from '../native.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const BENCH = dirname(HERE);
const ROOT = dirname(BENCH);

/**
 * @typedef {object} Target
 * @property {string} name
 * @property {string} note explains its figures
 * @property {string[]} does the families of scenarios that it supports
 * @property {() => string | undefined} missing why it cannot be measured here; undefined when it can
 * @property {(port: number, folder: string, servicePort: number) => string[]} [command] starts a separate server; without it
 * the server is already running
 * @property {(port: number, folder: string) => string[]} [service] starts a program that the server needs, whose cost is not counted
 * @property {number} [port] of a server that is already running
 * @property {number} [pid] of that server
 * @property {(port: number) => Promise<void>} [prepare] creates the stream
 * @property {number} [holdsBack] bytes at the end that a reader gets only together with later ones
 * @property {(scenario: { size: number, readers: number, mode: string }, write: 'put' | 'chunked') => object} protocol
 *   options of the generator
 */

const EVERYTHING = ['S1', 'S2', 'S2c', 'S2b', 'S3', 'S4', 'S5', 'S6', 'streams'];

/** Requests of AGFS's HTTP API. */
function agfs(prefix = '/api/v1', name = 'bench') {
  const path = `${prefix}/files?path=/streamfs/${name}%i`;
  return ({ size }, write) => ({
    read: `GET ${path}&stream=true HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n`,
    ...(write === 'put'
      ? {
          before: `PUT ${path} HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: ${size}\\r\\n\\r\\n`,
          answer: 'HTTP/1.1 2',
        }
      : chunkedBody(`PUT ${path} HTTP/1.1`, size)),
  });
}

/** Many messages in one request, each an HTTP chunk. */
function chunkedBody(requestLine, size) {
  return {
    open: `${requestLine}\\r\\nHost: localhost\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n`,
    before: `${size.toString(16)}\\r\\n`,
    after: '\\r\\n',
    finish: '0\\r\\n\\r\\n',
    depth: 0,
  };
}

/** Writes of AGFS's HTTP API, each message a line. */
function withNewline(size, write) {
  const path = '/api/v1/files?path=/streamfs/bench%i';
  const newline = '\\n';
  if (write === 'put') {
    const before = `PUT ${path} HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: ${size + 1}\\r\\n\\r\\n`;
    return { before, after: newline, answer: 'HTTP/1.1 2' };
  }
  const body = chunkedBody(`PUT ${path} HTTP/1.1`, size + 1);
  return { ...body, after: `${newline}${body.after}` };
}

function missingProgram(name, hint) {
  try {
    execFileSync('which', [name], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${name} is not installed (${hint})`;
  }
}

/** A server listens before its mounts have started; requests for them are refused until then. */
async function whenReady(port) {
  for (let attempt = 0; attempt < 400; attempt++) {
    if ((await fetch(`http://127.0.0.1:${port}/api/v1/ready`)).ok) return;
    await delay(25);
  }
  throw new Error('StreamFS is not ready after ten seconds');
}

const node = (script) => (port) => [process.execPath, script, String(port)];

/** @type {Target} */
const ours = {
  name: 'ours',
  note: 'StreamFS with its defaults',
  does: EVERYTHING,
  missing: () => undefined,
  command: serve(ROOT),
  prepare: whenReady,
  protocol: agfs(),
};

/** The command that starts the StreamFS built in a checkout. */
function serve(checkout) {
  return (port) => [process.execPath, join(checkout, 'dist', 'cli', 'main.js'), 'serve', '--addr', `127.0.0.1:${port}`];
}

/** Another build of StreamFS, to compare a change with what was there before it. */
export function beforeTarget(checkout) {
  return {
    ...ours,
    name: 'before',
    note: 'another build of StreamFS',
    missing: () =>
      existsSync(join(checkout, 'dist', 'cli', 'main.js'))
        ? undefined
        : `${checkout} has not been built (npm run build)`,
    command: serve(resolve(checkout)),
  };
}

/** @type {Target} */
const log = {
  ...ours,
  name: 'log',
  note: 'StreamFS with its streams on a log on Redis, whose own cost is not counted',
  does: ['S1', 'S2c', 'S6'],
  missing: () => missingProgram('redis-server', 'apt-get install redis-server'),
  service: (port, folder) => ['redis-server', '--port', String(port), '--dir', folder, '--save', ''],
  command: (port, folder, redis) => {
    const file = join(folder, 'log.json');
    const config = { log: `redis://127.0.0.1:${redis}` };
    writeFileSync(file, JSON.stringify({ plugins: { streamfs: { path: '/streamfs', config } } }));
    return [...ours.command(port), '-c', file];
  },
};

/** @type {Target} */
const sse = {
  ...ours,
  name: 'sse',
  note: 'StreamFS, read by server-sent events, one for each message',
  does: ['S2', 'S2c', 'S2b', 'S6'],
  protocol: ({ size }, write) => ({
    ...withNewline(size, write),
    read: 'GET /api/v1/files?path=/streamfs/bench%i&stream=true&format=sse&lines=true HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n',
    framing: 'scan',
  }),
};

/** @type {Target} */
const websocket = {
  ...ours,
  name: 'websocket',
  note: 'StreamFS, read over WebSocket',
  does: ['S1', 'S2', 'S2c', 'S2b', 'S6'],
  protocol: (scenario, write) => ({
    ...agfs()(scenario, write),
    read:
      'GET /api/v1/ws?path=/streamfs/bench%i HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n' +
      'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n',
    framing: 'websocket',
  }),
};

/** @type {Target} */
const plain = {
  name: 'plain',
  note: 'the same with a plain res.write for every reader and chunk',
  does: EVERYTHING,
  missing: () => undefined,
  command: node(join(HERE, 'plain.mjs')),
  protocol: agfs(),
};

/** @type {Target} */
const floor = {
  name: 'floor',
  note: 'a C program that sends the same bytes to the same sockets, and nothing else',
  does: ['S1', 'S2c', 'S3', 'S4', 'S5'],
  missing: () => (buildNative('floor') === undefined ? 'gcc is not installed' : undefined),
  command: (port) => [buildNative('floor'), String(port)],
  protocol: ({ mode }) => ({
    read: mode === 'join' ? 'H' : 'R',
    ready: 'R',
    open: 'W',
    framing: 'fixed',
    depth: 0,
  }),
};

const PIPING = join(BENCH, 'node_modules', 'piping-server', 'dist', 'src', 'index.js');

/** @type {Target} */
const piping = {
  name: 'piping',
  note: 'piping-server: one transfer for a fixed number of readers; no late joiners',
  does: ['S1', 'S2c', 'S4'],
  missing: () => (existsSync(PIPING) ? undefined : 'piping-server is not installed (npm ci in bench)'),
  command: (port) => [process.execPath, PIPING, '--host', '127.0.0.1', '--http-port', String(port)],
  protocol: ({ size, readers }) => ({
    read: `GET /x?n=${readers} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n`,
    'late-head': 1,
    ...chunkedBody(`PUT /x?n=${readers} HTTP/1.1`, size),
  }),
};

const DURABLE = join(BENCH, 'node_modules', '@durable-streams', 'server');

/** @type {Target} */
const durable = {
  name: 'durable',
  note: 'Durable Streams reference server in memory, read by SSE; it takes a body whole, so there is a POST for each message',
  does: ['S1', 'S2', 'S3', 'S4', 'S6'],
  missing: () => (existsSync(DURABLE) ? undefined : '@durable-streams/server is not installed (npm ci in bench)'),
  command: (port) => [process.execPath, join(HERE, 'durable-streams.mjs'), String(port), DURABLE],
  prepare: async (port) => {
    const made = await fetch(`http://127.0.0.1:${port}/x`, {
      method: 'PUT',
      headers: { 'Content-Type': 'text/plain' },
    });
    if (!made.ok) throw new Error(`Durable Streams answered ${made.status}`);
  },
  protocol: ({ size, mode }) => ({
    read: `GET /x?offset=${mode === 'join' ? '-1' : 'now'}&live=sse HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n`,
    framing: 'scan',
    before: `POST /x HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: text/plain\\r\\nContent-Length: ${size}\\r\\n\\r\\n`,
    answer: 'HTTP/1.1 2',
  }),
};

/** @type {Target} */
const oursDurable = {
  ...ours,
  name: 'ours-durable',
  note: 'StreamFS by Durable Streams: it takes a body whole, so there is a POST for each message; read by server-sent events',
  does: ['S1', 'S2', 'S3', 'S6'],
  prepare: async (port) => {
    const made = await fetch(`http://127.0.0.1:${port}/v1/stream/bench0`, {
      method: 'PUT',
      headers: { 'Content-Type': 'text/plain' },
    });
    if (!made.ok) throw new Error(`StreamFS answered ${made.status}`);
  },
  protocol: ({ size, mode }) => ({
    read: `GET /v1/stream/bench0?offset=${mode === 'join' ? '-1' : 'now'}&live=sse HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n`,
    framing: 'scan',
    before: `POST /v1/stream/bench0 HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: text/plain\\r\\nContent-Length: ${size}\\r\\n\\r\\n`,
    answer: 'HTTP/1.1 2',
  }),
};

/** @type {Target} */
const redis = {
  name: 'redis',
  note: 'Redis PUBLISH and SUBSCRIBE: no history',
  does: ['S1', 'S2', 'S2b', 'S4', 'S5', 'S6'],
  missing: () => missingProgram('redis-server', 'apt-get install redis-server'),
  command: (port, folder) => [
    ...['redis-server', '--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', ''],
    // The generator uses many loopback addresses, which Redis's protected mode would refuse.
    ...['--protected-mode', 'no'],
    ...['--appendonly', 'no', '--maxclients', '15000', '--client-output-buffer-limit', 'pubsub 0 0 0'],
  ],
  protocol: ({ size }) => ({
    read: 'SUBSCRIBE x\\r\\n',
    ready: ':1\\r\\n',
    framing: 'fixed',
    overhead: `*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$${size}\r\n\r\n`.length,
    before: `*3\\r\\n$7\\r\\nPUBLISH\\r\\n$1\\r\\nx\\r\\n$${size}\\r\\n`,
    after: '\\r\\n',
    answer: ':',
  }),
};

/** @type {Target} */
const nats = {
  name: 'nats',
  note: 'NATS core: no history; PUB is not acknowledged',
  does: ['S1', 'S2', 'S2b', 'S4', 'S5', 'S6'],
  missing: () => missingProgram('nats-server', 'apt-get install nats-server'),
  command: (port) => ['nats-server', '-a', '127.0.0.1', '-p', String(port)],
  protocol: ({ size }) => ({
    read: 'CONNECT {"verbose":false}\\r\\nSUB x 1\\r\\n',
    ready: '\\r\\n',
    framing: 'fixed',
    overhead: `MSG x 1 ${size}\r\n\r\n`.length,
    open: 'CONNECT {"verbose":false}\\r\\n',
    before: `PUB x ${size}\\r\\n`,
    after: '\\r\\n',
    depth: 0,
  }),
};

/** @type {Target} */
const icecast = {
  name: 'icecast',
  note: 'Icecast without burst, with a queue of 64 MiB',
  holdsBack: 4096,
  does: ['S1', 'S4'],
  missing: () => missingProgram('icecast2', 'apt-get install icecast2'),
  command: (port, folder) => {
    const file = join(folder, 'icecast.xml');
    // It refuses to run as root; the account `nobody` must be able to write its logs.
    const root = process.getuid?.() === 0;
    const asNobody = root ? '<changeowner><user>nobody</user><group>nogroup</group></changeowner>' : '';
    if (root) chmodSync(folder, 0o777);
    writeFileSync(
      file,
      `<icecast>
        <limits><clients>20000</clients><sources>2</sources><queue-size>67108864</queue-size>
          <burst-on-connect>0</burst-on-connect><burst-size>0</burst-size><source-timeout>60</source-timeout></limits>
        <authentication><source-password>bench</source-password><relay-password>bench</relay-password>
          <admin-user>bench</admin-user><admin-password>bench</admin-password></authentication>
        <hostname>localhost</hostname>
        <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
        <paths><logdir>${folder}</logdir><webroot>${folder}</webroot><adminroot>${folder}</adminroot></paths>
        <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>1</loglevel></logging>
        <security><chroot>0</chroot>${asNobody}</security>
      </icecast>`,
    );
    return ['icecast2', '-c', file];
  },
  protocol: () => ({
    read: 'GET /x HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n',
    framing: 'fixed',
    'writer-first': 1,
    // It answers a listener only when there is data to send.
    'late-head': 1,
    open: `SOURCE /x HTTP/1.0\\r\\nAuthorization: Basic ${btoa('source:bench')}\\r\\nContent-Type: application/octet-stream\\r\\n\\r\\n`,
    depth: 0,
  }),
};

const NCHAN = '/usr/lib/nginx/modules/ngx_nchan_module.so';

/** @type {Target} */
const nchan = {
  name: 'nchan',
  note: 'nginx with nchan, one worker, 96 messages kept; a POST for each message',
  does: ['S1', 'S2', 'S2b', 'S3', 'S4', 'S5', 'S6'],
  missing: () =>
    missingProgram('nginx', 'apt-get install nginx libnginx-mod-nchan') ??
    (existsSync(NCHAN) ? undefined : 'nchan is not installed (apt-get install libnginx-mod-nchan)'),
  command: (port, folder) => {
    const file = join(folder, 'nginx.conf');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    writeFileSync(
      file,
      `load_module ${NCHAN};
      daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000;
      pid ${folder}/nginx.pid; error_log stderr error;
      events { worker_connections 16000; multi_accept on; }
      http {
        ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
        access_log off; tcp_nodelay on; keepalive_requests 1000000000; client_max_body_size 0;
        client_body_buffer_size 256k; nchan_max_reserved_memory 2048M;
        server {
          listen 127.0.0.1:${port} backlog=4096;
          location /pub { nchan_publisher; nchan_channel_id x; nchan_message_buffer_length 96; nchan_message_timeout 1h; }
          location /live { nchan_subscriber http-chunked; nchan_channel_id x; nchan_subscriber_first_message newest; }
          location /all { nchan_subscriber http-chunked; nchan_channel_id x; nchan_subscriber_first_message oldest; }
        }
      }`,
    );
    return ['nginx', '-p', folder, '-c', file];
  },
  protocol: ({ size, mode }) => ({
    read: `GET /${mode === 'join' ? 'all' : 'live'} HTTP/1.1\\r\\nHost: localhost\\r\\nTE: chunked\\r\\n\\r\\n`,
    before: `POST /pub HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: ${size}\\r\\n\\r\\n`,
    answer: 'HTTP/1.1 20',
  }),
};

/** Another server of AGFS's HTTP API that is already running: each measurement uses a new stream. */
export function agfsTarget(url, pid) {
  const { hostname, port, pathname } = new URL(url);
  if (hostname !== '127.0.0.1' && hostname !== 'localhost') throw new Error(`--agfs: ${url} is not on this machine`);
  const prefix = pathname.replace(/\/$/, '') || '/api/v1';
  let count = 0;
  return {
    name: 'agfs',
    note: 'an AGFS-compatible server that ran already',
    does: EVERYTHING,
    missing: () => undefined,
    port: Number(port || 80),
    pid,
    protocol: (scenario, write) => ({
      ...agfs(prefix, `bench-${process.pid}-${count++}-`)(scenario, write),
      'late-head': 1,
    }),
  };
}

/** @type {Target[]} */
export const TARGETS = [
  ours,
  log,
  sse,
  oursDurable,
  websocket,
  floor,
  plain,
  piping,
  durable,
  redis,
  nats,
  icecast,
  nchan,
];
