/** Creating, writing, reading and removing files. */
import assert from 'node:assert/strict';
import { baseName } from '../../fs/index.ts';
import { bytes, bytesOf, caseOf, holds, isFileInfo, names, refused, text } from './support.ts';
import type { ContractCase, ContractOptions } from './types.ts';

export function fileCases(options: ContractOptions): ContractCase[] {
  const { traits } = options;
  return [
    ...(traits.content === 'read-only' ? [] : writingCases(options)),
    ...(traits.files === 'free' ? freeCases(options) : fixedCases(options)),
    ...(traits.content === 'append-only' ? appendOnlyCases(options) : []),
    ...(traits.content === 'random-access' ? randomAccessCases(options) : []),
    ...(traits.readOnly === undefined ? [] : readOnlyCases(options, traits.readOnly)),
  ];
}

function writingCases(options: ContractOptions): ContractCase[] {
  return [
    caseOf(options, 'contract 14: takes a write of 0 bytes, which writes nothing', async (bench) => {
      assert.equal(await bench.fs.write(bench.path, new Uint8Array(0)), 0);
      await bench.fs.stat(bench.path);
      await holds(bench, bench.path, '');
    }),
    caseOf(options, 'contract 2: has its own copy of what was written', async (bench) => {
      const buffer = bytes('first');
      assert.equal(await bench.fs.write(bench.path, buffer), 5);
      buffer.fill(0);
      await holds(bench, bench.path, 'first');
    }),
    caseOf(options, 'takes a body in pieces, each its own copy, and counts them', async (bench) => {
      const writer = await bench.fs.openWrite(bench.path);
      const buffer = bytes('abc');
      await writer.write(buffer);
      buffer.set(bytes('def'));
      await writer.write(buffer);
      await writer.write(new Uint8Array(0));
      buffer.fill(0);
      assert.equal(writer.written, 6);
      await writer.close();
      await writer.close();
      await writer.abort();
      await holds(bench, bench.path, 'abcdef');
    }),
    caseOf(options, 'takes bodies larger than any internal buffer', async (bench) => {
      const writer = await bench.fs.openWrite(bench.path);
      const piece = new Uint8Array(256 * 1024).fill(97);
      for (let i = 0; i < 4; i += 1) await writer.write(piece);
      await writer.close();
      assert.equal(writer.written, 1024 * 1024);
      if (bench.traits.content !== 'discarded') assert.equal((await bench.fs.stat(bench.path)).size, 1024 * 1024);
    }),
  ];
}

function freeCases(options: ContractOptions): ContractCase[] {
  return [
    caseOf(options, 'contract 31: creates an empty file, and not twice', async ({ fs, path }) => {
      await fs.create(path);
      const info = await fs.stat(path);
      isFileInfo(info, options.plugin.name, path);
      assert.equal(info.name, baseName(path));
      assert.equal(info.size, 0);
      assert.equal(info.isDir, false);
      const error = await refused(fs.create(path), 'a second create', 409);
      names(error, `already exists: ${path}`);
    }),
    caseOf(options, 'contract 33: removes a file, and forgets it', async ({ fs, path }) => {
      await fs.create(path);
      await fs.remove(path);
      await refused(fs.stat(path), 'stat of what was removed', 404);
      await refused(fs.remove(path), 'a second remove', 404);
      await fs.create(path);
      await fs.removeAll(path);
      await refused(fs.stat(path), 'stat of what was removed', 404);
    }),
    caseOf(options, 'contract 35: creates an absent file by writing to it', async (bench) => {
      await bench.fs.write(bench.path, bytes('x'));
      await holds(bench, bench.path, 'x');
    }),
    caseOf(options, 'contract 46: touch creates a file, or moves its time', async ({ fs, path }) => {
      await fs.create(path);
      if (!(await fs.capabilities(path)).supportsTouch) return;
      await fs.remove(path);
      await fs.touch(path);
      const before = (await fs.stat(path)).modTime.getTime();
      assert.ok(Math.abs(Date.now() - before) < 60_000, 'its time is now');
      await fs.touch(path);
      assert.ok((await fs.stat(path)).modTime.getTime() >= before, 'its time does not go back');
    }),
  ];
}

function fixedCases(options: ContractOptions): ContractCase[] {
  return [
    caseOf(options, 'refuses new files', async ({ fs }) => {
      const before = await fs.readDir('/');
      await refused(fs.create('/contract-new'), 'create', 403);
      await refused(fs.write('/contract-new', bytes('x')), 'write', 403);
      await refused(fs.openWrite('/contract-new'), 'openWrite', 403);
      await refused(fs.touch('/contract-new'), 'touch', [403, 501]);
      assert.deepEqual(await fs.readDir('/'), before);
    }),
    caseOf(options, 'refuses to remove files', async ({ fs, path }) => {
      await refused(fs.remove(path), 'remove', 403);
      await refused(fs.removeAll(path), 'removeAll', 403);
      await fs.stat(path);
    }),
  ];
}

function appendOnlyCases(options: ContractOptions): ContractCase[] {
  return [
    caseOf(options, 'contract 1: appends every write, whatever its offset and flags', async (bench) => {
      await bench.fs.write(bench.path, bytes('a'));
      await bench.fs.write(bench.path, bytes('b'), { offset: 0 });
      await bench.fs.write(bench.path, bytes('c'), { offset: 100, append: true });
      await bench.fs.write(bench.path, bytes('d'), { truncate: true, exclusive: true });
      await holds(bench, bench.path, 'abcd');
    }),
    caseOf(options, 'contract 34: is never read as a plain file', async ({ fs, path }) => {
      await fs.write(path, bytes('a'));
      await refused(fs.read(path, 0, -1), 'a plain read', 400, 'USE_STREAM_MODE');
      await refused(fs.open(path), 'a plain open', 400, 'USE_STREAM_MODE');
    }),
    caseOf(options, 'contract 45: truncates without effect', async (bench) => {
      await bench.fs.write(bench.path, bytes('a'));
      await bench.fs.truncate(bench.path, 0);
      await holds(bench, bench.path, 'a');
    }),
    caseOf(options, 'contract 72: keeps the received part of an interrupted body', async (bench) => {
      const writer = await bench.fs.openWrite(bench.path);
      await writer.write(bytes('half'));
      await writer.abort();
      await holds(bench, bench.path, 'half');
    }),
    caseOf(options, 'contract 3, 29: an ended file takes no more writes, and keeps its content', async (bench) => {
      await bench.fs.write(bench.path, bytes('all'));
      await bench.fs.end(bench.path);
      await bench.fs.end(bench.path);
      await refused(bench.fs.write(bench.path, bytes('more')), 'a write after the end', 409, 'STREAM_CLOSED');
      await holds(bench, bench.path, 'all');
    }),
    caseOf(options, 'contract 29: ends with its body on request', async (bench) => {
      const writer = await bench.fs.openWrite(bench.path);
      await writer.write(bytes('all'));
      await writer.close({ end: true });
      await refused(bench.fs.write(bench.path, bytes('more')), 'a write after the end', 409, 'STREAM_CLOSED');
      await holds(bench, bench.path, 'all');
    }),
  ];
}

function randomAccessCases(options: ContractOptions): ContractCase[] {
  return [
    caseOf(options, 'contract 42: reads any part, and nothing past the end', async ({ fs, path }) => {
      await fs.write(path, bytes('abcdef'));
      assert.equal(text(await fs.read(path, 2, 3)), 'cde');
      assert.equal(text(await fs.read(path, 4, 100)), 'ef');
      assert.equal(text(await fs.read(path, -5, 2)), 'ab');
      assert.equal(text(await fs.read(path, 3, -1)), 'def');
      assert.equal((await fs.read(path, 6, -1)).length, 0);
      assert.equal((await fs.read(path, Number.MAX_SAFE_INTEGER, 10)).length, 0);
    }),
    caseOf(options, 'writes at any offset, and replaces the file without one', async (bench) => {
      await bench.fs.write(bench.path, bytes('abcdef'));
      if (!(await bench.fs.capabilities(bench.path)).supportsRandomWrite) {
        await bench.fs.write(bench.path, bytes('new'));
        await holds(bench, bench.path, 'new');
        return;
      }
      await bench.fs.write(bench.path, bytes('XY'), { offset: 2 });
      await holds(bench, bench.path, 'abXYef');
      await bench.fs.write(bench.path, bytes('!'), { append: true });
      await holds(bench, bench.path, 'abXYef!');
      await bench.fs.write(bench.path, bytes('z'), { offset: 9 });
      await holds(bench, bench.path, 'abXYef!\0\0z');
      await bench.fs.write(bench.path, bytes('new'));
      await holds(bench, bench.path, 'new');
    }),
    caseOf(options, 'leaves a file unchanged when a body is interrupted', async (bench) => {
      await bench.fs.write(bench.path, bytes('old'));
      const writer = await bench.fs.openWrite(bench.path);
      await writer.write(bytes('half of the new'));
      await writer.abort();
      await holds(bench, bench.path, 'old');
    }),
    caseOf(options, 'refuses to be ended, and leaves a file unchanged when a body requests that', async (bench) => {
      await bench.fs.write(bench.path, bytes('old'));
      const writer = await bench.fs.openWrite(bench.path);
      await writer.write(bytes('new'));
      await refused(writer.close({ end: true }), 'a close with end', 501, 'NOT_SUPPORTED');
      await holds(bench, bench.path, 'old');
    }),
    caseOf(options, 'refuses invalid offsets and sizes', async ({ fs, path }) => {
      await fs.write(path, bytes('abc'));
      const can = await fs.capabilities(path);
      const wrong = can.supportsRandomWrite ? [400] : [400, 403, 501];
      for (const offset of [-2, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        await refused(fs.write(path, bytes('x'), { offset }), `a write at ${offset}`, wrong);
      }
      for (const size of [-1, 0.5, Number.NaN]) {
        await refused(fs.truncate(path, size), `truncate to ${size}`, can.supportsTruncate ? 400 : [400, 403, 501]);
      }
      const farOut = fs.write(path, bytes('x'), { offset: Number.MAX_SAFE_INTEGER });
      await refused(farOut, 'a write far out', [...wrong, 413]);
      assert.equal(text(await fs.read(path, 0, -1)), 'abc');
    }),
  ];
}

function readOnlyCases(options: ContractOptions, path: string): ContractCase[] {
  return [
    caseOf(options, `contract 42, 43: has ${path}, which can be read and not written`, async ({ fs }) => {
      const info = await fs.stat(path);
      assert.deepEqual((await fs.readDir('/'))[0], info, 'it is listed first');
      const whole = text(await fs.read(path, 0, -1));
      assert.equal(bytes(whole).length, info.size);
      assert.equal(text(await fs.read(path, -1, 3)), whole.slice(0, 3));
      assert.equal((await fs.read(path, info.size, -1)).length, 0);
      assert.equal(text(await bytesOf(await fs.openStream(path), info.size)), whole);
      await refused(fs.write(path, bytes('x')), 'a write', 403);
      await refused(fs.openWrite(path), 'openWrite', 403);
      await refused(fs.create(path), 'create', [403, 409]);
      await refused(fs.remove(path), 'remove', [403, 404]);
      assert.equal((await fs.capabilities(path)).isReadOnly, true);
      assert.deepEqual(await fs.stat(path), info);
    }),
  ];
}
