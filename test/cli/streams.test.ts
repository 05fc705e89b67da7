import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { piecesOf } from '../../src/cli/commands/write.ts';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { progressLine } from '../../src/cli/progress.ts';
import { StreamFSClient } from '../../src/client/index.ts';
import { beginFrames, cutAfter, fakeServer, frame, gapFrame, greeted, refuse } from '../client/fake-server.ts';
import { cli, realServer } from './harness.ts';

async function endOffset(url: string, path: string): Promise<number> {
  return (await new StreamFSClient({ url }).stat(path)).size;
}

describe('errors of commands', () => {
  it.each(['/streamfs/none', 'streamfs/none', '//streamfs/./none/'])('name %s by its absolute path', async (path) => {
    const { url } = await realServer();
    const run = cli(['stat', path], { url });
    expect([await run.code, run.err.text]).toEqual([
      EXIT.notFound.code,
      'streamfs: stream not found: /streamfs/none\n',
    ]);
  });
});

describe('write and cat', () => {
  it('contract 85: bytes written to a stream come out unchanged, and cat ends with the stream', async () => {
    const { url } = await realServer();
    const bytes = randomBytes(300_001);
    const reader = cli(['cat', '--stream', '/streamfs/x'], { url });
    const writer = cli(['write', '--stream', '--end', '/streamfs/x'], { url, input: bytes });
    expect(await writer.code).toBe(0);
    expect(await reader.code).toBe(0);
    expect(reader.outBytes().equals(bytes)).toBe(true);
    expect([writer.out(), writer.err.text, reader.err.text]).toEqual(['', '', '']);
  });

  it('contract 85: a live source that trickles comes out while it is still going', async () => {
    const { url } = await realServer();
    const reader = cli(['cat', '--stream', '/streamfs/x'], { url });
    const writer = cli(['write', '--stream', '/streamfs/x'], { url });
    for (const text of ['one ', 'two ', 'three ']) {
      const before = reader.out();
      writer.stdin.write(text);
      await expect.poll(reader.out).toBe(before + text);
    }
    writer.stdin.end();
    expect(await writer.code).toBe(0);
    expect(await cli(['end', '/streamfs/x'], { url }).code).toBe(0);
    expect(await reader.code).toBe(0);
    expect(reader.out()).toBe('one two three ');
  });

  it('contract 85, 34: cat without --stream refuses a stream with the text of the server', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '/streamfs/x'], { url, input: 'x' }).code;
    const reader = cli(['cat', '/streamfs/x'], { url });
    expect(await reader.code).toBe(EXIT.failed.code);
    expect(reader.err.text).toBe('streamfs: use stream mode for reading stream files: add --stream\n');
    expect(reader.out()).toBe('');
  });

  it('contract 3: writing to an ended stream is refused at once, though the input never ends', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '--end', '/streamfs/x'], { url, input: 'x' }).code;
    const writer = cli(['write', '--stream', '/streamfs/x'], { url });
    expect(await writer.code).toBe(EXIT.refused.code);
    expect(writer.err.text).toBe(
      'streamfs: stream is closed: it was ended; to write it again, remove it first: streamfs rm\n',
    );
    expect(writer.stdin.destroyed).toBe(true);
  });

  it('a refusal in the middle of a body stops the reading of standard input', async () => {
    const server = await fakeServer((request, response) => {
      if (!greeted(request, response)) request.once('data', () => refuse(response, 409, 'STREAM_CLOSED'));
    });
    const writer = cli(['write', '--stream', '/streamfs/x'], { url: server.url });
    writer.stdin.write('first');
    expect(await writer.code).toBe(EXIT.refused.code);
    expect(writer.stdin.destroyed).toBe(true);
  });

  it('contract 85: a fast source is sent in pieces of at most 64 KiB', async () => {
    const sizes: number[] = [];
    const source = new PassThrough({ highWaterMark: 1024 * 1024 });
    source.end(Buffer.alloc(200_000));
    for await (const piece of piecesOf(source)) sizes.push(piece.length);
    expect(sizes).toEqual([65_536, 65_536, 65_536, 3392]);
  });

  it('contract 29: --end ends the stream, --json gives the result on standard output', async () => {
    const { url } = await realServer();
    const first = cli(['--json', 'write', '--stream', '/streamfs/x'], { url, input: 'abc' });
    expect(await first.code).toBe(0);
    expect(JSON.parse(first.out())).toMatchObject({ path: '/streamfs/x', written: 3, endOffset: 3 });
    const second = cli(['write', '--json', '--stream', '--end', '/streamfs/x'], { url, input: 'defg' });
    expect(await second.code).toBe(0);
    expect(JSON.parse(second.out())).toMatchObject({ written: 4, endOffset: 7 });
    expect(await cli(['write', '--stream', '/streamfs/x'], { url, input: 'x' }).code).toBe(EXIT.refused.code);
  });

  it('contract 36: --no-create writes and reads only existing streams', async () => {
    const { url } = await realServer();
    const writer = cli(['write', '--stream', '--no-create', '/streamfs/none'], { url, input: 'x' });
    expect(await writer.code).toBe(EXIT.notFound.code);
    const reader = cli(['cat', '--stream', '--no-create', '/streamfs/none'], { url });
    expect(await reader.code).toBe(EXIT.notFound.code);
    expect(reader.err.text).toBe('streamfs: stream not found: /streamfs/none\n');
  });

  it('contract 25: cat starts at the requested place', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '--end', '/streamfs/x'], { url, input: 'one\ntwo\nthree\n' }).code;
    const starts: [string[], string][] = [
      [['--from', 'earliest'], 'one\ntwo\nthree\n'],
      [['--offset', '4'], 'two\nthree\n'],
      [['--last', '6'], 'three\n'],
      [['--last-lines', '2'], 'two\nthree\n'],
      [['--from', 'live'], ''],
    ];
    for (const [start, expected] of starts) {
      const reader = cli(['cat', '--stream', ...start, '/streamfs/x'], { url });
      expect(await reader.code).toBe(0);
      expect(reader.out(), start.join(' ')).toBe(expected);
    }
  });

  it('contract 43: cat --stream of a README prints it and ends', async () => {
    const { url } = await realServer();
    const plain = cli(['cat', '/streamfs/README'], { url });
    const stream = cli(['cat', '--stream', '/streamfs/README'], { url });
    expect([await plain.code, await stream.code]).toEqual([0, 0]);
    expect(stream.out()).toBe(plain.out());
    expect(plain.out()).toContain('StreamFS');
  });

  it('contract 28: a server that shuts down is an end with --no-reconnect, with its own exit code', async () => {
    const server = await realServer();
    const reader = cli(['cat', '--stream', '--no-reconnect', '/streamfs/x'], { url: server.url });
    await cli(['write', '--stream', '/streamfs/x'], { url: server.url, input: 'abc' }).code;
    await expect.poll(reader.out).toBe('abc');
    await server.shutdown();
    expect(await reader.code).toBe(EXIT.cut.code);
    expect(reader.err.text).toBe('streamfs: /streamfs/x: the server shut down at offset 3\n');
  });

  it('contract 23: a stream that is removed ends, and cat reports it', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '/streamfs/x'], { url, input: 'abc' }).code;
    const reader = cli(['cat', '--stream', '/streamfs/x'], { url });
    await expect.poll(reader.out).toBe('abc');
    expect(await cli(['rm', '/streamfs/x'], { url }).code).toBe(0);
    expect(await reader.code).toBe(0);
    expect(reader.err.text).toBe('streamfs: /streamfs/x: removed at offset 3\n');
  });

  it('contract 100: the status of the writer is printed, and is not a failure of the reader', async () => {
    const { url } = await realServer();
    await new StreamFSClient({ url }).write('/streamfs/x', 'abc', { end: true, endStatus: 'exit 3' });
    const reader = cli(['cat', '--stream', '/streamfs/x'], { url });
    expect(await reader.code).toBe(0);
    expect(reader.err.text).toBe('streamfs: /streamfs/x: ended at offset 3: exit 3\n');
    const quiet = cli(['-q', 'cat', '--stream', '/streamfs/x'], { url });
    expect([await quiet.code, quiet.err.text]).toEqual([0, '']);
  });

  it('--timeout gives up when no data arrives, with its own exit code', async () => {
    const { url } = await realServer();
    const reader = cli(['cat', '--stream', '--timeout', '30ms', '/streamfs/x'], { url });
    expect(await reader.code).toBe(EXIT.timeout.code);
    expect(reader.err.text).toBe('streamfs: /streamfs/x: no data for 30 ms, at offset 0\n');
  });

  it('a cut is gone over and told; with --no-reconnect it is a failure that says where', async () => {
    const server = await fakeServer((_request, response, query) => {
      const offset = Number(query.get('offset') ?? 0);
      beginFrames(response, { offset, generation: 'g' });
      if (offset === 0) cutAfter(response, frame('data', 0, 'abc'));
      else response.end(Buffer.concat([frame('data', 3, 'def'), frame('end', 6, 'ended')]));
    });
    const reader = cli(['cat', '--stream', '/s/x'], { url: server.url });
    expect(await reader.code).toBe(0);
    expect(reader.out()).toBe('abcdef');
    expect(reader.err.text).toMatch(/^streamfs: \/s\/x: the connection was cut at offset 3: .*; reconnecting\n/);
    expect(reader.err.text).toMatch(/\nstreamfs: \/s\/x: resumed at offset 3\n$/);
    const strict = cli(['cat', '--stream', '--no-reconnect', '/s/x'], { url: server.url });
    expect(await strict.code).toBe(EXIT.cut.code);
    expect(strict.out()).toBe('abc');
    expect(strict.err.text).toMatch(/^streamfs: the connection was cut at offset 3/);
  });

  it('contract 9: losses are reported with exact offsets and bytes, also with --quiet', async () => {
    const server = await fakeServer((_request, response) => {
      beginFrames(response, { offset: 0, generation: 'g' });
      response.end(
        Buffer.concat([
          ...[frame('data', 0, 'a'), gapFrame(1, 1001, 7), frame('data', 1001, 'b')],
          ...[gapFrame(1002, 1004, 0), frame('data', 1004, 'c'), frame('end', 1005, 'ended')],
        ]),
      );
    });
    const reader = cli(['cat', '--stream', '--quiet', '/s/x'], { url: server.url });
    expect(await reader.code).toBe(8);
    expect(reader.out()).toBe('abc');
    expect(reader.err.text.split('\n')).toEqual([
      'streamfs: /s/x: lost 1000 bytes, offsets 1 to 1000, of 7 chunks: they are no longer held for this reader',
      'streamfs: /s/x: lost 2 bytes, offsets 1002 to 1003: they are no longer held for this reader',
      'streamfs: /s/x: 1002 bytes were lost',
      '',
    ]);
  });

  it('contract 90: cat says where it begins when older bytes have gone, and that alone is no failure', async () => {
    const { url } = await realServer();
    await cli(['mount', 'streamfs', '/s', 'ring_buffer_size=4B'], { url }).code;
    await cli(['write', '--stream', '--end', '/s/x'], { url, input: '0123456789' }).code;
    const begins = 'streamfs: /s/x: begins at offset 6: the 6 bytes before it are no longer retained\n';
    const cases: [string[], string, string][] = [
      [[], '6789', begins],
      [['--quiet'], '6789', begins],
      [['--from', 'earliest'], '6789', begins],
      [['--last', '6'], '6789', begins.replace('the 6 bytes', 'the 2 bytes')],
      [['--last', '4'], '6789', ''],
      [['--last', '2'], '89', ''],
      [['--offset', '6'], '6789', ''],
      [['--from', 'live'], '', ''],
    ];
    for (const [start, out, err] of cases) {
      const reader = cli(['cat', '--stream', ...start, '/s/x'], { url });
      expect(await reader.code).toBe(0);
      expect([reader.out(), reader.err.text], start.join(' ')).toEqual([out, err]);
    }
  });

  it('contract 90: a loss at a reconnect is a failure, also if the reader had begun after older bytes', async () => {
    const server = await fakeServer((_request, response, query) => {
      const offset = Number(query.get('offset') ?? 0);
      beginFrames(response, { offset, generation: 'g' });
      if (offset === 0) cutAfter(response, gapFrame(0, 3, 0));
      else response.end(Buffer.concat([gapFrame(3, 5, 0), frame('data', 5, 'x'), frame('end', 6, 'ended')]));
    });
    const reader = cli(['cat', '--stream', '--quiet', '/s/x'], { url: server.url });
    expect(await reader.code).toBe(8);
    expect(reader.err.text).toMatch(/begins at offset 3: the 3 bytes before .*\n.*lost 2 bytes, offsets 3 to 4/);
  });

  it('--timeout 0 prints what is retained and exits, without a warning', async () => {
    const { url } = await realServer();
    const bytes = randomBytes(3_000_000);
    await cli(['write', '--stream', '/streamfs/x'], { url, input: bytes }).code;
    const reader = cli(['cat', '--stream', '--timeout', '0', '/streamfs/x'], { url });
    expect(await reader.code).toBe(0);
    expect(reader.outBytes().equals(bytes)).toBe(true);
    const nothing = cli(['cat', '--stream', '--timeout', '0s', '--from', 'live', '/streamfs/x'], { url });
    expect(await nothing.code).toBe(0);
    expect([nothing.out(), nothing.err.text, reader.err.text]).toEqual(['', '', '']);
    expect(await cli(['cat', '--timeout', '0', '/streamfs/x'], { url }).code).toBe(EXIT.usage.code);
  });

  it('--timeout 0 reconnects, and still prints everything retained', async () => {
    const server = await fakeServer((_request, response, query) => {
      expect(query.get('timeout')).toBe('0');
      const offset = Number(query.get('offset') ?? 0);
      beginFrames(response, { offset, generation: 'g' });
      if (offset === 0) cutAfter(response, frame('data', 0, 'abc'));
      else response.end(Buffer.concat([frame('data', 3, 'def'), frame('end', 6, 'timeout')]));
    });
    const reader = cli(['cat', '--stream', '--timeout', '0', '/s/x'], { url: server.url });
    expect(await reader.code).toBe(0);
    expect(reader.out()).toBe('abcdef');
  });

  it('with --no-retry a write that is cut fails, and says what is known', async () => {
    const server = await fakeServer((request) => {
      request.once('data', () => request.socket.destroy());
    });
    const writer = cli(['write', '--stream', '--no-retry', '/s/x'], { url: server.url });
    writer.stdin.write('12345');
    expect(await writer.code).toBe(EXIT.cut.code);
    expect(writer.err.text).toContain('5 bytes had been sent, how many of them were accepted is not known');
  });

  it('contract 72: a write that is cut again and again gives up after --retry-for, and says what is sure', async () => {
    const server = await fakeServer((request, response) => {
      if (!greeted(request, response)) request.once('data', () => request.socket.destroy());
    });
    const writer = cli(['write', '--stream', '--retry-for', '150ms', '/s/x'], { url: server.url });
    writer.stdin.write('12345');
    expect(await writer.code).toBe(EXIT.cut.code);
    expect(writer.err.text).toContain('0 bytes are written for certain');
  });

  it('a regular file is written and read through, bounded by nothing here', async () => {
    const { url } = await realServer();
    const bytes = randomBytes(3_000_000);
    expect(await cli(['write', '/memfs/f'], { url, input: bytes }).code).toBe(0);
    expect(await endOffset(url, '/memfs/f')).toBe(3_000_000);
    const reader = cli(['cat', '/memfs/f'], { url });
    expect(await reader.code).toBe(0);
    const hash = (data: Buffer) => createHash('sha256').update(data).digest('hex');
    expect(hash(reader.outBytes())).toBe(hash(bytes));
  });
});

describe('standard output', () => {
  it('that is not read stops the download, and nothing is lost when it continues', async () => {
    const total = 48 * 1024 * 1024;
    let sent = 0;
    const server = await fakeServer((request, response) => {
      if (request.url?.includes('/health')) {
        response.end('{}');
        return;
      }
      const piece = Buffer.alloc(64 * 1024, 1);
      const more = () => {
        while (sent < total) {
          sent += piece.length;
          if (!response.write(piece)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    let received = 0;
    let release: () => void = () => {};
    const stdout = new Writable({
      write(piece: Buffer, _encoding, done) {
        received += piece.length;
        if (release === open) done();
        else release = done;
      },
    });
    function open() {}
    const reader = cli(['cat', '/big'], { url: server.url, stdout });
    await expect.poll(() => received).toBeGreaterThan(0);
    // Enough time for all of it to arrive, if it were requested.
    const client = new StreamFSClient({ url: server.url });
    for (let i = 0; i < 200; i++) await client.health();
    expect(sent).toBeLessThan(total / 2);
    const first = release;
    release = open;
    first();
    expect(await reader.code).toBe(0);
    expect(received).toBe(total);
  });

  it('that has gone ends the command quietly with 141', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '/streamfs/x'], { url, input: 'abc' }).code;
    const stdout = new Writable({
      write(_piece, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      },
    });
    const reader = cli(['cat', '--stream', '/streamfs/x'], { url, stdout });
    await cli(['write', '--stream', '/streamfs/x'], { url, input: 'more' }).code;
    await cli(['write', '--stream', '--end', '/streamfs/x'], { url, input: 'end' }).code;
    expect(await reader.code).toBe(EXIT.brokenPipe.code);
    expect(reader.err.text).toBe('');
  });

  it('that has gone while nothing is written ends the command quietly with 141', async () => {
    const { url } = await realServer();
    let isRead = true;
    const reader = cli(['cat', '--stream', '/streamfs/idle'], { url, outputCheck: () => () => isRead });
    const client = new StreamFSClient({ url });
    await expect.poll(async () => (await client.list('/streamfs')).map(({ name }) => name)).toContain('idle');
    isRead = false;
    expect(await reader.code).toBe(EXIT.brokenPipe.code);
    expect(reader.err.text).toBe('');
  });

  it('that is a terminal which was closed ends the command quietly with 141', async () => {
    const { url } = await realServer();
    await cli(['write', '--stream', '/streamfs/x'], { url, input: 'abc' }).code;
    const stdout = new Writable({
      write(_piece, _encoding, done) {
        done(Object.assign(new Error('write EIO'), { code: 'EIO' }));
      },
    });
    const terminal = Object.assign(stdout, { isTTY: true });
    const reader = cli(['cat', '--stream', '/streamfs/x'], { url, stdout: terminal });
    expect(await reader.code).toBe(EXIT.brokenPipe.code);
    expect(reader.err.text).toBe('');
  });

  it('that cannot be written, on a full disk, is a failure, also at the last byte', async () => {
    const { url } = await realServer();
    for (const argv of [
      ['ls', '/'],
      ['cat', '/streamfs/README'],
      ['--help'],
      ['help', 'options'],
      ['help', 'cat'],
      ['cat', '--help'],
      ['--version'],
      ['serve', '-version'],
    ]) {
      const stdout = new Writable({
        write(_piece, _encoding, done) {
          setImmediate(done, Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
        },
      });
      const run = cli(argv, { url, stdout });
      expect(await run.code).toBe(EXIT.failed.code);
      expect(run.err.text).toBe('streamfs: cannot write the output: no space left on device\n');
    }
  });

  it('whose copy by write --tee cannot be written is a failure in the end, and the stream gets everything', async () => {
    const { url } = await realServer();
    const stdout = new Writable({
      write(_piece, _encoding, done) {
        setImmediate(done, Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
      },
    });
    const run = cli(['write', '--stream', '--tee', '/streamfs/x'], { url, stdout, input: 'abc' });
    expect(await run.code).toBe(EXIT.failed.code);
    expect(run.err.text).toBe('streamfs: cannot write the output: no space left on device; the stream continues\n');
    const copy = cli(['cat', '--snapshot', '/streamfs/x'], { url });
    expect([await copy.code, copy.out()]).toEqual([0, 'abc']);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends a command that waits for data, input or output with %d, quietly', async (signal, code) => {
    const { url } = await realServer();
    const idle = cli(['cat', '--stream', '/streamfs/idle'], { url });
    const waiting = cli(['write', '--stream', '/streamfs/waiting'], { url });
    const client = new StreamFSClient({ url });
    await client.write('/streamfs/full', Buffer.alloc(3_000_000));
    let stalled = false;
    const stdout = new Writable({
      write() {
        stalled = true;
      },
    });
    const full = cli(['cat', '--stream', '/streamfs/full'], { url, stdout });
    await expect.poll(() => stalled).toBe(true);
    await expect.poll(async () => (await client.list('/streamfs')).map(({ name }) => name)).toContain('idle');
    await expect.poll(async () => (await client.list('/streamfs')).map(({ name }) => name)).toContain('waiting');
    for (const run of [idle, waiting, full]) {
      run.interrupt(signal);
      expect(await run.code).toBe(code);
      expect(run.err.text).toBe('');
    }
  });
});

describe('progress', () => {
  it('is shown on a terminal only, and not to those who want quiet', async () => {
    const { url } = await realServer();
    const loud = cli(['write', '--stream', '/streamfs/x'], { url, input: 'abc', errIsTerminal: true });
    const quiet = cli(['write', '--quiet', '--stream', '/streamfs/x'], { url, input: 'abc', errIsTerminal: true });
    const piped = cli(['write', '--stream', '/streamfs/x'], { url, input: 'abc' });
    expect([await loud.code, await quiet.code, await piped.code]).toEqual([0, 0, 0]);
    expect(loud.err.text).toMatch(/\/streamfs\/x: wrote 3B in \d+\.\ds \(.*\/s\)\n$/);
    expect([quiet.err.text, piped.err.text]).toEqual(['', '']);
  });

  it('is off where the input is typed on a terminal', async () => {
    const { url } = await realServer();
    const typed = cli(['write', '--stream', '/streamfs/x'], {
      url,
      input: 'abc',
      errIsTerminal: true,
      inIsTerminal: true,
    });
    expect(await typed.code).toBe(0);
    expect(typed.err.text).toBe('');
  });

  it('has a share and the time left where it is known how much there is', () => {
    const MiB = 1024 * 1024;
    expect(progressLine(1.5 * MiB, 6 * MiB, MiB / 2, 3)).toBe('1.5MB of 6.0MB, 25%  512.0KB/s  0:03, 0:09 left');
    expect(progressLine(MiB, 7201 * MiB, MiB, 61)).toBe('1.0MB of 7.0GB, 0%  1.0MB/s  1:01, 2:00:00 left');
    expect(progressLine(0, 6 * MiB, 0, 1)).toBe('0B of 6.0MB, 0%  0B/s  0:01');
    // Unknown, or more was sent than expected.
    for (const total of [undefined, MiB]) expect(progressLine(2 * MiB, total, MiB, 2)).toBe('2.0MB  1.0MB/s  0:02');
  });

  it('and errors are in colour only on a terminal, and not with NO_COLOR', async () => {
    const { url } = await realServer();
    const colour = cli(['stat', '/streamfs/none'], { url, errIsTerminal: true });
    const none = cli(['stat', '/streamfs/none'], { url, errIsTerminal: true, env: { NO_COLOR: '1' } });
    const piped = cli(['stat', '/streamfs/none'], { url });
    await Promise.all([colour.code, none.code, piped.code]);
    expect(colour.err.text).toContain('\u001b[31mstreamfs:');
    expect(none.err.text).not.toContain('\u001b[31m');
    expect(piped.err.text).toBe('streamfs: stream not found: /streamfs/none\n');
  });
});
