/** The HTTP interface, with any input that a client may send. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { fuzz } from '../../fuzz/run-length.ts';
import { MB } from '../harness/memory.ts';
import { type Level, type ProbedServer, startProbed } from '../harness/probed.ts';
import { type ConnectionCase, connection, responsesDue, wireBytes } from './grammar.ts';
import { checkResponses } from './responses.ts';

/** Silence after which a connection is closed if its number of responses is not known, in milliseconds. */
const SILENCE = 15;

/** How long a server may take to close a connection whose client has left: longer than it waits for an unwanted body. */
const CLOSING = 10_000;

/** The bound on the memory of the server's process, whatever it receives. */
const MEMORY = 500 * MB;

let at: ProbedServer;
let fresh: Level;

beforeAll(async () => {
  at = await startProbed({
    server: { max_request_body_bytes: '256KB', log_level: 'error' },
    streamfs: { ring_buffer_size: '64KB', channel_buffer_size: '64KB', block_timeout: '50ms' },
  });
  // Creates what exists only after a first request.
  for (let n = 0; n < 3; n++) await reset();
  fresh = await at.level();
});
afterAll(() => at.stop());

/** Recreates every mount, so that each case fails on its own. */
async function reset(): Promise<void> {
  const { mounts } = (await at.json('GET', '/mounts')) as unknown as { mounts: { path: string }[] };
  for (const { path } of mounts) await at.json('POST', '/unmount', { path });
  const config = { ring_buffer_size: '64KB', channel_buffer_size: '64KB', block_timeout: '50ms' };
  expect(await at.json('POST', '/mount', { fstype: 'streamfs', path: '/streamfs', config })).toMatchObject({
    status: 200,
  });
  expect(await at.json('POST', '/mount', { fstype: 'memfs', path: '/memfs' })).toMatchObject({ status: 200 });
  expect(await at.json('POST', '/mount', { fstype: 'devfs', path: '/dev' })).toMatchObject({ status: 200 });
}

/** Sends a case and disconnects as it says; returns everything received. Rejects if the server neither answers nor closes. */
function play(one: ConnectionCase): Promise<Buffer> {
  const bytes = wireBytes(one);
  const due = responsesDue(one);
  return new Promise((resolve, reject) => {
    const socket = connect({ port: at.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const pieces: Buffer[] = [];
    let timer: NodeJS.Timeout | undefined;
    const over = () => {
      clearTimeout(timer);
      const all = Buffer.concat(pieces);
      try {
        const { count, closes } = checkResponses(
          all,
          one.mutations.length > 0 ? [] : one.requests.map(({ method }) => method),
        );
        if (due !== undefined && count < due && !closes && one.leave === 'end')
          throw new Error(`${count} responses to ${due} requests: ${all}`);
        resolve(all);
      } catch (error) {
        reject(error);
      }
    };
    const leave = () => {
      if (socket.destroyed) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        socket.destroy();
        reject(
          new Error(`not closed ${CLOSING} ms after its client had left: ${Buffer.concat(pieces).subarray(0, 500)}`),
        );
      }, CLOSING);
      socket[one.leave]();
    };
    /** While responses are due, silence means nothing. */
    const wait = () => {
      clearTimeout(timer);
      const answered = due !== undefined && Buffer.concat(pieces).toString('latin1').split('HTTP/1.1 ').length > due;
      timer = setTimeout(leave, due === undefined || answered ? SILENCE : CLOSING);
      if (answered && one.leave !== 'end') leave();
    };
    socket.on('data', (piece) => {
      pieces.push(piece);
      // Reading of an endless device stops early.
      if (Buffer.concat(pieces).length > MB) leave();
      else wait();
    });
    socket.on('end', () => socket.end());
    socket.on('close', over);
    socket.on('error', () => undefined);
    socket.on('connect', async () => {
      for (let sent = 0, n = 0; sent < bytes.length; n++) {
        const size =
          one.writes.length === 0 ? bytes.length : one.writes[n % one.writes.length]! * (1 + Math.floor(n / 20));
        socket.write(bytes.subarray(sent, sent + size));
        sent += size;
        if (one.writes.length > 0) await new Promise((next) => setImmediate(next));
      }
      wait();
    });
  });
}

describe('any bytes on a connection', () => {
  fuzz(
    'are answered or the connection is closed, with errors in JSON and never a 500',
    'http',
    () =>
      fc.asyncProperty(fc.array(connection, { minLength: 1, maxLength: 6 }), async (cases) => {
        await reset();
        const outcomes = await Promise.allSettled(cases.map(play));
        for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
        expect(at.process.isRunning).toBe(true);
        expect(at.process.stderr.text).toBe('');
        expect(await at.json('GET', '/health')).toMatchObject({ status: 'healthy' });
      }),
    async () => {
      await reset();
      const after = await at.untilAsBefore(fresh);
      expect(after.bytes - fresh.bytes).toBeLessThan(8 * MB);
      expect(at.memory().peak).toBeLessThan(MEMORY);
    },
  );
});
