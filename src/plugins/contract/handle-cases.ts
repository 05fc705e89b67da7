/** Handles: flags, positions, and isolation between users. */
import assert from 'node:assert/strict';
import type { FileHandle } from '../../fs/index.ts';
import { bytes, caseOf, READ_ONLY, READ_WRITE, refused, soon, text, WRITE_ONLY } from './support.ts';
import type { ContractCase, ContractOptions } from './types.ts';

const MODE = 0o644;

export function handleCases(options: ContractOptions): ContractCase[] {
  const { content } = options.traits;
  return [
    caseOf(options, 'contract 51: a handle that reads refuses to write', async ({ fs, path, makeFile }) => {
      await makeFile();
      const handle = await fs.openHandle(path, { flags: READ_ONLY, mode: MODE });
      await refused(handle.write(bytes('x')), 'a write', 403, 'HANDLE_READ_ONLY');
      await handle.close();
    }),
    caseOf(
      options,
      'contract 58: refuses a seek to before the start or with an unknown whence',
      async ({ fs, path, makeFile }) => {
        await makeFile();
        const handle = await fs.openHandle(path, { flags: READ_ONLY, mode: MODE });
        await refused(handle.seek(-1, 0), 'a seek to -1', 400, 'NEGATIVE_OFFSET');
        await refused(handle.seek(-1, 1), 'a seek back from 0', 400, 'NEGATIVE_OFFSET');
        for (const whence of [-1, 3, 0.5, Number.NaN]) {
          await refused(handle.seek(0, whence), `whence ${whence}`, 400, 'INVALID_WHENCE');
        }
        assert.equal(await handle.seek(0, 1), 0);
        await handle.close();
      },
    ),
    caseOf(options, 'contract 64: closes at once, twice without harm, and then does nothing', async (bench) => {
      const { fs, path } = bench;
      await bench.makeFile();
      const handle = await fs.openHandle(path, { flags: READ_ONLY, mode: MODE });
      await handle.close();
      await handle.close();
      const gone = 'HANDLE_NOT_FOUND';
      await refused(handle.read({ size: 1, timeout: 60_000 }), 'a read', 404, gone);
      await refused(handle.write(bytes('x')), 'a write', 404, gone);
      await refused(handle.seek(0, 0), 'a seek', 404, gone);
      await refused(handle.stream(), 'a stream', 404, gone);
    }),
    ...(content === 'read-only' ? [] : writingCases(options)),
    ...(content === 'append-only' || content === 'random-access' ? positionCases(options) : []),
  ];
}

function writingCases(options: ContractOptions): ContractCase[] {
  return [
    caseOf(options, 'contract 35: opens a handle for writing, which creates an absent file', async ({ fs, path }) => {
      const handle = await fs.openHandle(path, { flags: WRITE_ONLY, mode: MODE, create: true });
      assert.equal(handle.path, path);
      assert.equal((await handle.stat()).name, (await fs.stat(path)).name);
      await handle.sync();
      await handle.close();
    }),
    caseOf(options, 'contract 49: accepts flags it does not know', async ({ fs, path, makeFile }) => {
      await makeFile();
      for (const flags of [8 | READ_WRITE, 16 | WRITE_ONLY, 32, 64, 0x241, 0x8000]) {
        await (await fs.openHandle(path, { flags, mode: MODE })).close();
      }
    }),
    caseOf(options, 'contract 51: a handle that writes reads 0 bytes, at once', async ({ fs, path }) => {
      await fs.write(path, bytes('abc'));
      const handle = await fs.openHandle(path, { flags: WRITE_ONLY, mode: MODE });
      const { data } = await soon(handle.read({ size: 10, timeout: 60_000 }), 'a read');
      assert.equal(data.length, 0);
      await handle.close();
    }),
    caseOf(options, 'contract 62: reports how much was written', async ({ fs, path }) => {
      const handle = await fs.openHandle(path, { flags: READ_WRITE, mode: MODE, create: true });
      assert.equal((await handle.write(bytes('abc'))).written, 3);
      const { written, position } = await handle.write(bytes('de'));
      assert.equal(written, 2);
      assert.equal(position, 5);
      assert.equal((await handle.write(new Uint8Array(0))).written, 0);
      await handle.close();
    }),
  ];
}

/** For files that return written bytes. */
function positionCases(options: ContractOptions): ContractCase[] {
  const opened = (name: string, trial: (handle: FileHandle) => Promise<void>) =>
    caseOf(options, name, async ({ fs, path }) => {
      await fs.write(path, bytes('abcdef'));
      const handle = await fs.openHandle(path, { flags: READ_WRITE, mode: MODE });
      await trial(handle);
      await handle.close();
    });
  return [
    opened('contract 52: reads on from its position', async (handle) => {
      assert.equal(await take(handle, 2), 'ab');
      assert.equal(await take(handle, 3), 'cde');
      assert.equal(await take(handle, 10), 'f');
    }),
    opened('contract 54: moves its position only by delivered bytes', async (handle) => {
      const lost = await handle.read({ size: 2, timeout: 0 });
      lost.commit(false);
      assert.equal(await take(handle, 4), 'abcd');
      assert.equal(await handle.seek(0, 1), 4);
    }),
    opened('contract 54: leaves the position where a seek put it, before the delivery was known', async (handle) => {
      const slow = await handle.read({ size: 2, timeout: 0 });
      await handle.seek(5, 0);
      slow.commit();
      assert.equal(await handle.seek(0, 1), 5);
    }),
    opened('contract 56: reads at an offset and leaves the position alone', async (handle) => {
      const read = await handle.read({ size: 2, offset: 3, timeout: 0 });
      assert.equal(text(read.data), 'de');
      assert.equal(read.offset, 3);
      read.commit();
      assert.equal(await take(handle, 2), 'ab');
    }),
    opened('contract 56: seeks from the start, the position and the end', async (handle) => {
      assert.equal(await handle.seek(2, 0), 2);
      assert.equal(await handle.seek(2, 1), 4);
      assert.equal(await handle.seek(-5, 2), 1);
      assert.equal(await take(handle, 2), 'bc');
    }),
    opened('contract 59: refuses offsets and seeks that are not numbers', async (handle) => {
      await refused(handle.seek(Number.NaN, 0), 'a seek to NaN', 400);
      await refused(handle.seek(0.5, 0), 'a seek to half a byte', 400);
      await refused(handle.read({ size: 1, offset: -1, timeout: 0 }), 'a read at -1', [400, 410]);
      assert.equal(await take(handle, 1), 'a');
    }),
    opened('contract 65: streams from its position, for one user at a time', async (handle) => {
      await handle.seek(2, 0);
      const described = await handle.describeStream();
      const source = await handle.stream();
      assert.equal(described.kind, source.kind, 'describeStream() and stream() give sources of the same kind');
      await refused(handle.stream(), 'a second stream', 409, 'HANDLE_BUSY');
      await refused(handle.describeStream(), 'a second stream, described', 409, 'HANDLE_BUSY');
      const taken = source.kind === 'live' ? await source.reader.read() : await firstOf(source.content);
      const data = taken instanceof Uint8Array ? taken : taken.type === 'data' ? taken.data : new Uint8Array(0);
      assert.equal(text(data), 'cdef');
      if (source.kind === 'live') source.reader.close();
      await (await handle.stream()).kind;
    }),
  ];
}

/** Reads the next bytes and confirms their delivery. */
async function take(handle: FileHandle, size: number): Promise<string> {
  const read = await handle.read({ size, timeout: 0 });
  const taken = text(read.data);
  read.commit();
  return taken;
}

/** Returns the first piece and ignores the rest. */
async function firstOf(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const piece of content) return piece;
  return new Uint8Array(0);
}
