/**
 * The row `media`: what the search for join points in audio and video (docs/media.md) adds to an append. A server
 * receives chunks of 64 KiB of data made by ffmpeg, alternately into a stream with the container setting and into one
 * without.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { end, freePort, pinned, SERVER_CORE, start, whenListening } from './processes.mjs';

const CHUNK_BYTES = 64 * 1024;
/** Chunks per measurement. */
const CHUNKS = 12_000;
/**
 * Chunks of warm-up: V8 compiles the search after thousands of calls, on another thread, whose time would be counted.
 */
const CHUNKS_BEFORE = 8000;
/** Large enough that headers repeat rarely. */
const CONTENT_BYTES = 16 * 1024 * 1024;

const PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=25'];
const SOUND = ['-f', 'lavfi', '-i', 'anoisesrc=amplitude=0.3'];

/** The arguments of ffmpeg for each format. */
const FFMPEG_ARGS = {
  webm: [...PICTURE, ...SOUND, '-c:v', 'libvpx', '-b:v', '8M', '-deadline', 'realtime', '-cpu-used', '8', '-f', 'webm'],
  mp4: [
    ...PICTURE,
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-g',
    '25',
    '-movflags',
    'frag_keyframe+empty_moov',
    '-f',
    'mp4',
  ],
  'mpeg-ts': [...PICTURE, '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-f', 'mpegts'],
  ogg: [...SOUND, '-c:a', 'libopus', '-b:a', '256k', '-f', 'ogg'],
  // Small frames, so that the content contains as many as a quarter of an hour of audio before it repeats.
  flac: [...SOUND, '-frame_size', '576', '-f', 'flac'],
  mp3: [...SOUND, '-b:a', '320k', '-f', 'mp3'],
  adts: [...SOUND, '-b:a', '320k', '-f', 'adts'],
  mjpeg: [...PICTURE, '-c:v', 'mjpeg', '-q:v', '5', '-f', 'mpjpeg'],
  lines: undefined,
};

/**
 * @param {string} root the project's folder
 * @param {number} rounds
 * @returns {Promise<Map<string, { with: number[], without: number[] }>>} CPU microseconds of the server per chunk
 */
export async function joinPointCosts(root, rounds) {
  const costs = new Map();
  for (const [container, args] of Object.entries(FFMPEG_ARGS)) {
    const content = args === undefined ? text() : made(args);
    if (content === undefined) continue;
    const cost = { with: [], without: [] };
    for (let round = 0; round < rounds; round++) {
      cost.without.push(await costOf(root, 'none', content));
      cost.with.push(await costOf(root, container, content));
    }
    costs.set(container, cost);
  }
  return costs;
}

/** Undefined if ffmpeg is missing, or does not support the format. */
function made(args) {
  const { status, stdout } = spawnSync(
    'ffmpeg',
    ['-v', 'error', ...args, '-t', '120', '-fs', String(CONTENT_BYTES), '-'],
    {
      maxBuffer: 4 * CONTENT_BYTES,
    },
  );
  return status === 0 && stdout.length > CHUNK_BYTES ? stdout : undefined;
}

function text() {
  return Buffer.from(
    Array.from({ length: 100_000 }, (_, n) => `2026-11-26T00:00:00Z info request ${n} took 12 ms\n`).join(''),
  );
}

/** CPU microseconds of a fresh server per chunk. */
async function costOf(root, container, content) {
  const port = await freePort();
  const main = join(root, 'dist', 'cli', 'main.js');
  const server = start(pinned(SERVER_CORE, [process.execPath, main, 'serve', '--addr', `127.0.0.1:${port}`]));
  try {
    await whenListening(port, server);
    const path = `path=/streamfs/media&container=${container}`;
    const made = await fetch(`http://127.0.0.1:${port}/api/v1/files?${path}`, { method: 'POST' });
    if (!made.ok) throw new Error(await made.text());
    await send(port, content, CHUNKS_BEFORE);
    const before = cpuSeconds(server.child.pid);
    await send(port, content, CHUNKS);
    return ((cpuSeconds(server.child.pid) - before) * 1e6) / CHUNKS;
  } finally {
    await end(server);
  }
}

/** CPU time of all threads of a process, with a resolution of nanoseconds. */
function cpuSeconds(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const each = tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]));
  return each.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
}

/** One request per chunk, at most four in flight. */
async function send(port, content, count) {
  const socket = connect(port, '127.0.0.1');
  const head = Buffer.from(
    `PUT /api/v1/files?path=/streamfs/media HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${CHUNK_BYTES}\r\n\r\n`,
  );
  const doubled = Buffer.concat([content, content.subarray(0, CHUNK_BYTES)]);
  let sent = 0;
  const next = () => {
    const at = (sent++ * CHUNK_BYTES) % content.length;
    socket.write(head);
    socket.write(doubled.subarray(at, at + CHUNK_BYTES));
  };
  await new Promise((resolve, reject) => {
    let answered = 0;
    socket.on('error', reject).on('close', () => reject(new Error('the server closed the connection')));
    socket.on('data', (data) => {
      for (let at = data.indexOf('HTTP/1.1 200'); at >= 0; at = data.indexOf('HTTP/1.1 200', at + 1)) {
        answered++;
        if (sent < count) next();
      }
      if (answered === count) resolve();
    });
    for (let n = 0; n < 4; n++) next();
  });
  socket.removeAllListeners('close').destroy();
}
