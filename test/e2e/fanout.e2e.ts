import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { start, streamfs } from './harness/commands.ts';
import { MB } from './harness/memory.ts';
import type { Process } from './harness/process.ts';
import { type ServerProcess, server } from './harness/server.ts';

/** A real file with varied content: the Node binary that runs this, about 100 MB. */
const FILE = process.execPath;
const content = readFileSync(FILE);
const SHA256 = createHash('sha256').update(content).digest('hex');
const HALF = Math.floor(content.length / 2);

/** The whole file fits, so that a late joiner gets it from the beginning, and no reader falls behind. */
const ROOMY = { ring_buffer_size: '256MB', channel_buffer_size: '256MB' };

/** Writes a part of the file to a process's standard input. */
async function feed(writer: Process, start: number, end: number): Promise<void> {
  for await (const piece of createReadStream(FILE, { start, end: end - 1 })) await writer.write(piece as Buffer);
}

/** Sends the file through a stream: two readers are connected before it, one joins when half of it has been sent. */
async function broadcast(
  at: ServerProcess,
  path: string,
  writer: () => Process,
  reader: () => Process,
): Promise<Process[]> {
  const readers = [reader(), reader()];
  await at.untilReaders(path, 2);
  const writing = writer();
  await feed(writing, 0, HALF);
  await at.untilWritten(path, HALF);
  readers.push(reader());
  await at.untilReaders(path, 3);
  await feed(writing, HALF, content.length);
  writing.stdin.end();
  expect(await writing.result()).toMatchObject({ code: 0, stderr: '' });
  return readers;
}

describe('a file of some size', () => {
  it('is one of at least 80 MB', () => {
    expect(content.length).toBeGreaterThan(80 * MB);
  });

  it('contract 17, 85: reaches early and late readers of the command line to the byte', async () => {
    const at = await server({ streamfs: ROOMY });
    const readers = await broadcast(
      at,
      '/streamfs/film',
      () => streamfs(at.url, ['write', '--stream', '--end', '/streamfs/film']),
      () => streamfs(at.url, ['cat', '--stream', '/streamfs/film'], { keep: false }),
    );
    for (const reader of readers) {
      expect(await reader.result()).toMatchObject({ code: 0, stderr: '' });
      expect(reader.stdout).toMatchObject({ length: content.length, sha256: SHA256 });
    }
    expect(await at.facts('/streamfs/film')).toMatchObject({ written: content.length, skipped: 0, state: 'ended' });
  });

  it('contract 17, 68, 70: reaches early and late readers of curl to the byte', async () => {
    const at = await server({ streamfs: ROOMY });
    const url = at.api('/files?path=/streamfs/film');
    const readers = await broadcast(
      at,
      '/streamfs/film',
      () => start('curl', ['-sS', '--fail-with-body', '-o', '/dev/null', '-T', '-', `${url}&end=true`]),
      () => start('curl', ['-sS', '-N', `${url}&stream=true`], { keep: false }),
    );
    for (const reader of readers) {
      expect(await reader.result()).toMatchObject({ code: 0, stderr: '' });
      expect(reader.stdout).toMatchObject({ length: content.length, sha256: SHA256 });
    }
  });

  it('contract 5, 12, 13: leaves exactly the newest bytes that the ring holds for who comes after it', async () => {
    const at = await server();
    const writer = streamfs(at.url, ['write', '--stream', '--end', '/streamfs/film']);
    await feed(writer, 0, content.length);
    writer.stdin.end();
    expect(await writer.result()).toMatchObject({ code: 0 });
    expect(await at.facts('/streamfs/film')).toMatchObject({ written: content.length });
    const reader = streamfs(at.url, ['cat', '--stream', '/streamfs/film']);
    const gone = content.length - 6 * MB;
    const stderr = `streamfs: /streamfs/film: begins at offset ${gone}: the ${gone} bytes before it are no longer retained\n`;
    expect(await reader.result()).toMatchObject({ code: 0, stderr });
    expect(reader.stdout.bytes.equals(content.subarray(-6 * MB))).toBe(true);
  });
});

describe('a source that trickles', () => {
  const LINES = 40;

  it.each([
    ['the command line', (at: ServerProcess) => streamfs(at.url, ['write', '--stream', '/streamfs/lines'])],
    ['curl', (at: ServerProcess) => start('curl', ['-sS', '-N', '-T', '-', at.api('/files?path=/streamfs/lines')])],
  ])('contract 70, 85: through %s has each line at its readers before the next is written', async (_name, write) => {
    const at = await server();
    const url = at.api('/files?path=/streamfs/lines&stream=true');
    const readers = [streamfs(at.url, ['cat', '--stream', '/streamfs/lines']), start('curl', ['-sS', '-N', url])];
    await at.untilReaders('/streamfs/lines', 2);
    const writer = write(at);
    const latencies: number[] = [];
    for (let line = 0; line < LINES; line++) {
      const written = performance.now();
      await writer.write(`line ${line}\n`);
      // The writer's input stays open: anything that holds a line back would hold it back for ever.
      for (const reader of readers) await reader.stdout.until(`line ${line}\n`);
      if (line > 0) latencies.push(performance.now() - written);
    }
    // A timer that holds lines back would delay every one; a busy machine delays only some.
    expect(Math.min(...latencies)).toBeLessThan(1000);
    expect(readers.map((reader) => reader.stdout.text.split('\n').length - 1)).toEqual([LINES, LINES]);
  });

  it('contract 85: of a line every 50 ms is held back by nothing while its input is open', async () => {
    const at = await server();
    const reader = streamfs(at.url, ['cat', '--stream', '/streamfs/ticks']);
    await at.untilReaders('/streamfs/ticks', 1);
    const writer = streamfs(at.url, ['write', '--stream', '--end', '/streamfs/ticks']);
    let arrived = 0;
    reader.stdout.onLine = () => {
      arrived++;
    };
    await new Promise<void>((resolve) => {
      let written = 0;
      const timer = setInterval(() => {
        writer.stdin.write(`tick ${++written}\n`);
        if (written < LINES) return;
        clearInterval(timer);
        resolve();
      }, 50);
    });
    await waitFor('every line', () => arrived === LINES);
    writer.stdin.end();
    expect(await reader.result()).toMatchObject({ code: 0 });
    expect(arrived).toBe(LINES);
  });
});
