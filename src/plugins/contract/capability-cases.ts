/**
 * Compares a plugin's capabilities with the behaviour of its methods: every claimed operation must work; every other
 * must be refused with 403 or 501 and change nothing (contract 77).
 */
import assert from 'node:assert/strict';
import { baseName, type Capabilities } from '../../fs/index.ts';
import { type Bench, bytes, bytesOf, caseOf, holds, refused, text } from './support.ts';
import type { ContractCase, ContractOptions } from './types.ts';

const MODE = 0o644;
const UNSUPPORTED = [403, 501];

const KEYS = [
  'isAppendOnly',
  'isBroadcast',
  'isReadOnly',
  'supportsRandomWrite',
  'supportsTruncate',
  'supportsRename',
  'supportsDirectories',
  'supportsStreamRead',
  'supportsStreamWrite',
  'supportsFileHandle',
  'supportsTouch',
  'supportsSymlink',
  'supportsSync',
  'isReadDestructive',
  'isObjectStore',
] as const satisfies readonly (keyof Capabilities)[];

/** Capabilities that only apply to files. */
const OF_FILES = [
  'isAppendOnly',
  'isBroadcast',
  'supportsRandomWrite',
  'supportsTruncate',
  'supportsStreamRead',
  'supportsStreamWrite',
  'supportsFileHandle',
  'supportsSync',
] as const satisfies readonly (keyof Capabilities)[];

type Check = (bench: Bench, can: Capabilities) => Promise<void>;

export function capabilityCases(options: ContractOptions): ContractCase[] {
  /** A case about the capabilities of an existing file. */
  const claim = (what: string, check: Check) =>
    caseOf(options, `contract 77: capabilities and methods agree: ${what}`, async (bench) => {
      await bench.makeFile();
      await check(bench, await bench.fs.capabilities(bench.path));
    });
  return [
    claim('each capability is true or false', async ({ traits }, can) => {
      for (const key of KEYS) assert.equal(typeof can[key], 'boolean', key);
      assert.equal(can.isAppendOnly, traits.content === 'append-only', 'isAppendOnly');
      assert.equal(can.isReadOnly, traits.content === 'read-only', 'isReadOnly');
    }),
    claim('a directory has none that are for files', async ({ fs }) => {
      const can = await fs.capabilities('/');
      for (const key of OF_FILES) assert.equal(can[key], false, `${key} of the root`);
    }),
    claim('writing', async (bench, can) => {
      const { fs, path } = bench;
      if (can.isReadOnly) {
        assert.equal(can.supportsStreamWrite, false, 'supportsStreamWrite where isReadOnly');
        await refused(fs.write(path, bytes('x')), 'write', UNSUPPORTED);
      } else assert.equal(await fs.write(path, bytes('x')), 1, 'write');
      if (!can.supportsStreamWrite) await refused(fs.openWrite(path), 'openWrite', UNSUPPORTED);
      else await (await fs.openWrite(path)).close();
    }),
    claim('writing at an offset', async (bench, can) => {
      const { fs, path, traits } = bench;
      if (can.isReadOnly) {
        assert.equal(can.supportsRandomWrite, false, 'supportsRandomWrite where isReadOnly');
        return;
      }
      await fs.write(path, bytes('abcdef'));
      if (can.supportsRandomWrite) {
        await fs.write(path, bytes('XY'), { offset: 2 });
        await holds(bench, path, 'abXYef');
      } else if (traits.content !== 'append-only') {
        await refused(fs.write(path, bytes('XY'), { offset: 2 }), 'write at an offset', UNSUPPORTED);
        await holds(bench, path, 'abcdef');
      }
    }),
    claim('reading twice', async ({ fs, path, traits }, can) => {
      if (traits.content === 'discarded') return;
      if (traits.content !== 'read-only') await fs.write(path, bytes('kept'));
      const all = async () => text(Buffer.concat((await fs.snapshot(path)).parts));
      const first = await all();
      assert.equal(await all(), can.isReadDestructive ? '' : first, 'a second read');
    }),
    claim('streaming', async ({ fs, path }, can) => {
      if (!can.supportsStreamRead) {
        await refused(fs.openStream(path), 'openStream', UNSUPPORTED);
        return;
      }
      const source = await fs.openStream(path);
      if (source.kind === 'live') source.reader.close();
      assert.equal(source.kind === 'live', can.isBroadcast, 'isBroadcast: the stream is live');
    }),
    claim('handles', async ({ fs, path }, can) => {
      const opening = fs.openHandle(path, { flags: can.isReadOnly ? 0 : 2, mode: MODE });
      if (!can.supportsFileHandle) {
        await refused(opening, 'openHandle', UNSUPPORTED);
        assert.equal(can.supportsSync, false, 'supportsSync without handles');
        return;
      }
      const handle = await opening;
      try {
        if (can.supportsSync) await handle.sync();
        else await refused(handle.sync(), 'sync', UNSUPPORTED);
      } finally {
        await handle.close();
      }
    }),
    claim('directories', async ({ fs, traits }, can) => {
      const path = '/contract-directory';
      if (!can.supportsDirectories) {
        await refused(fs.mkdir(path, 0o755), 'mkdir', UNSUPPORTED);
        await refused(fs.stat(path), 'stat of what was not made', 404);
        return;
      }
      await fs.mkdir(path, 0o755);
      assert.equal((await fs.stat(path)).isDir, true, 'a directory was made');
      assert.deepEqual(await fs.readDir(path), [], 'it is empty');
      if (traits.files !== 'free') return;
      await fs.remove(path);
      await refused(fs.stat(path), 'stat of what was removed', 404);
    }),
    claim('touch', async ({ fs, path }, can) => {
      if (!can.supportsTouch) await refused(fs.touch(path), 'touch', UNSUPPORTED);
      else await fs.touch(path);
    }),
    claim('truncate', async (bench, can) => {
      const { fs, path, traits } = bench;
      if (!can.supportsTruncate) {
        await refused(fs.truncate(path, 0), 'truncate', UNSUPPORTED);
        return;
      }
      if (traits.content === 'random-access') await fs.write(path, bytes('abc'));
      await fs.truncate(path, 1);
      if (traits.content === 'random-access') await holds(bench, path, 'a');
    }),
    claim('symbolic links', async ({ fs, path }, can) => {
      const link = '/contract-link';
      if (can.supportsSymlink) {
        await fs.symlink(baseName(path), link);
        assert.equal(await fs.readlink(link), baseName(path));
      } else {
        await refused(fs.symlink(baseName(path), link), 'symlink', UNSUPPORTED);
        await refused(fs.readlink(link), 'readlink', [...UNSUPPORTED, 404]);
      }
    }),
    claim('ending', async (bench, can) => {
      if (!can.isAppendOnly) await refused(bench.fs.end(bench.path), 'end', 501, 'NOT_SUPPORTED');
      else await bench.fs.end(bench.path);
    }),
    claim('renaming', async ({ fs, path }, can) => {
      const to = '/contract-renamed';
      if (can.supportsRename) {
        await fs.rename(path, to);
        await fs.stat(to);
        await refused(fs.stat(path), 'stat of what was renamed', 404);
      } else {
        await refused(fs.rename(path, to), 'rename', UNSUPPORTED);
        await fs.stat(path);
        await refused(fs.stat(to), 'stat of what was not renamed', 404);
      }
    }),
    ...(options.traits.content === 'read-only' ? readOnlyContentCases(options) : []),
  ];
}

/** For read-only files. */
function readOnlyContentCases(options: ContractOptions): ContractCase[] {
  return [
    caseOf(options, 'reads the same bytes in every way', async ({ fs, path }) => {
      const { size } = await fs.stat(path);
      const whole = await fs.read(path, 0, -1);
      assert.equal(whole.length, size, 'the size is what can be read');
      assert.deepEqual(await fs.read(path, 1, 2), whole.slice(1, 3), 'a part');
      assert.equal((await fs.read(path, size, -1)).length, 0, 'past the end');
      const streamed = await bytesOf(await fs.openStream(path), size);
      assert.equal(text(streamed), text(whole), 'as a stream');
      const { parts } = await fs.snapshot(path);
      assert.equal(text(Buffer.concat(parts)), text(whole), 'as a snapshot');
      const handle = await fs.openHandle(path, { flags: 0, mode: MODE });
      const { data, eof } = await handle.read({ size: size + 1, timeout: 0 });
      assert.deepEqual([text(data), eof], [text(whole), true], 'by a handle');
      await handle.close();
    }),
    caseOf(options, 'refuses writes through a handle', async ({ fs, path }) => {
      const before = await fs.stat(path);
      for (const flags of [1, 2]) {
        await refused(fs.openHandle(path, { flags, mode: MODE }), `openHandle with flags ${flags}`, UNSUPPORTED);
      }
      assert.deepEqual(await fs.stat(path), before);
    }),
  ];
}
