/** `streamfs log` on real directories, intact and damaged. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { DirectoryLock } from '../../src/persist/index.ts';
import { StreamFileSystem } from '../../src/plugins/streamfs/file-system.ts';
import { parseSettings } from '../../src/plugins/streamfs/settings.ts';
import { recorder } from '../app/recorder.ts';
import { cli } from './harness.ts';

let root: string;
let directory: string;

const long = Buffer.alloc(300_000, 'streams of bytes ');
const JOURNAL = 'journal/0000000001.log';

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'streamfs-log-'));
  directory = join(root, 'log');
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const start = () => StreamFileSystem.open(parseSettings({ persist: directory }), { logger: recorder() });

/** A log with short and long streams, one of which has ended, closed cleanly. */
async function makeLog(): Promise<void> {
  const fs = await start();
  for (const part of ['one ', 'two ', 'three']) await fs.write('/short', Buffer.from(part));
  await fs.write('/long', long);
  await fs.write('/ended', Buffer.from('x'));
  await fs.end('/ended', { status: 'exit 3' });
  await fs.shutdown();
}

/** Makes the log look as if its server was killed before its first sync was recorded. */
async function makeKilled(): Promise<void> {
  await rm(join(directory, 'closed'));
  const { out } = await log('dump', directory, '--json');
  const records = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { position } = records.find(({ file, kind }) => file === JOURNAL && kind === 'closed');
  await change(JOURNAL, (bytes) => bytes.subarray(0, position));
}

async function log(...args: string[]) {
  const { code, err, out, outBytes } = cli(['log', ...args]);
  return { code: await code, err: err.text, out: out(), bytes: outBytes() };
}

async function change(file: string, edit: (bytes: Buffer) => Buffer): Promise<void> {
  const path = join(directory, file);
  await writeFile(path, edit(await readFile(path)));
}

function flipped(at: number) {
  return (bytes: Buffer) => {
    bytes[at]! ^= 0x40;
    return bytes;
  };
}

const segments = async () => (await readdir(join(directory, 'data'))).sort().map((name) => `data/${name}`);

/** Every file with its bytes and time. */
async function allFiles(): Promise<unknown> {
  const names = (await readdir(directory, { recursive: true })).sort();
  return Promise.all(
    names.map(async (name) => {
      const { ctimeMs, isDirectory, mode, size } = await stat(join(directory, name)).then((found) => ({
        ...found,
        isDirectory: found.isDirectory(),
      }));
      return { name, ctimeMs, mode, size, bytes: isDirectory ? '' : await readFile(join(directory, name), 'hex') };
    }),
  );
}

describe('log check', () => {
  it('tells what is in a log that is whole', async () => {
    await makeLog();
    const { code, err, out } = await log('check', directory);
    expect([code, err]).toEqual([EXIT.ok.code, '']);
    expect(out).toMatch(/^streams +3 \(1 ended\)$/m);
    expect(out).toMatch(/^bytes +300014 \(293.0KB\)$/m);
    expect(out).toMatch(/^segments +1 \(293.*KB\)$/m);
    expect(out).toMatch(/^journals +1 \(/m);
    expect(out).toMatch(/^state +none yet$/m);
    expect(out).toMatch(/^closed +cleanly$/m);
    expect(out).toMatch(/^damage +none$/m);
  });

  it('contract 109: tells of an emptied journal before others', async () => {
    await makeLog();
    await (await start()).shutdown();
    await change(JOURNAL, () => Buffer.alloc(0));
    const { code, err } = await log('check', directory);
    expect(code).toBe(EXIT.lost.code);
    expect(err).toMatch(/journal\/0000000002\.log: at .*records are missing here/);
  });

  it('contract 109: tells of an emptied journal that is the only one', async () => {
    await makeLog();
    await change(JOURNAL, () => Buffer.alloc(0));
    const { code, err } = await log('check', directory);
    expect(code).toBe(EXIT.lost.code);
    expect(err).toMatch(/journal\/0000000001\.log: at .*records are missing here/);
  });

  it('contract 109: reports an emptied journal of a killed server, whose segments are still there', async () => {
    await makeLog();
    await rm(join(directory, 'closed'));
    await change(JOURNAL, () => Buffer.alloc(0));
    const { code, err, out } = await log('check', directory);
    expect(code).toBe(EXIT.lost.code);
    expect(err).toMatch('journal/0000000001.log: at byte 0: records are missing here');
    expect(out).toMatch(/^closed +not cleanly/m);
  });

  it('counts the bytes that the next start drops after a damaged block that was not synced yet', async () => {
    await makeLog();
    await makeKilled();
    const [file] = await segments();
    await change(file!, flipped(1000));
    const { code, err, out } = await log('check', directory);
    expect(code).toBe(EXIT.lost.code);
    expect(err).toMatch(`${file}: not what the journal says: bytes of /long from offset 0 on are dropped`);
    expect(out).toMatch(/^lost +300000 /m);
  });

  it('names files that are not part of the log', async () => {
    await makeLog();
    await writeFile(join(directory, 'notes.txt'), 'hello');
    await writeFile(join(directory, 'journal/old'), 'x');
    const { code, out } = await log('check', directory, '--json');
    expect(code).toBe(EXIT.ok.code);
    expect(JSON.parse(out).files.leftovers).toEqual({ count: 2, bytes: 6, names: ['notes.txt', 'journal/old'] });
  });

  it('refuses a log without its file FORMAT, and does not take it for another directory', async () => {
    await makeLog();
    await rm(join(directory, 'FORMAT'));
    const { code, err } = await log('check', directory);
    expect(code).toBe(EXIT.refused.code);
    expect(err).toMatch('its file FORMAT is missing, and without it no record can be verified');
  });

  it('tells the same to programs', async () => {
    await makeLog();
    const { code, out } = await log('check', directory, '--json');
    expect(code).toBe(EXIT.ok.code);
    expect(JSON.parse(out)).toMatchObject({
      isClean: true,
      streams: { count: 3, ended: 1 },
      bytes: { retained: 300_014, lost: 0 },
      files: { segments: { count: 1 }, journals: { count: 1 }, leftovers: { count: 0, bytes: 0, names: [] } },
      checkpoint: null,
      cutBytes: 0,
      damages: [],
    });
  });

  it('tells of no damage, and finds nothing, in a log that nothing was ever written to', async () => {
    const fs = await start();
    await fs.shutdown();
    const { code, out } = await log('check', directory);
    expect(code).toBe(EXIT.ok.code);
    expect(out).toMatch(/^streams +0 /m);
  });

  it('contract 109: finds a flipped byte anywhere in a journal that was closed, with file and place', async () => {
    await makeLog();
    const whole = await readFile(join(directory, JOURNAL));
    for (let at = 0; at < whole.length; at += 7) {
      await change(JOURNAL, flipped(at));
      const { code, err, out } = await log('check', directory);
      // The last record says that the log was closed: without it, the log was not, and nothing else is wrong.
      if (code === EXIT.ok.code) expect(out).toMatch(/^closed +not cleanly/m);
      else {
        const place = /journal\/0000000001\.log: bytes (\d+) to (\d+): /.exec(err);
        expect(Number(place?.[1])).toBeLessThanOrEqual(at);
        expect(Number(place?.[2])).toBeGreaterThan(at);
        expect(code).toBe(EXIT.lost.code);
      }
      await writeFile(join(directory, JOURNAL), whole);
    }
    await change(JOURNAL, flipped(40));
    expect((await log('check', directory)).code).toBe(EXIT.lost.code);
  });

  it('finds a flipped byte in a segment, which no start would read', async () => {
    await makeLog();
    const [file] = await segments();
    await change(file!, flipped(150_000));
    const { code, err, out } = await log('check', directory);
    expect(code).toBe(EXIT.lost.code);
    expect(err).toMatch(
      new RegExp(`${file}: bytes \\d+ to \\d+: damaged: from offset 0 on, of stream \\d+ \\(/long\\)`),
    );
    expect(out).toMatch(/^lost +262144 \(256.0KB\)$/m);
    expect(out).toMatch(/^damage +1$/m);
  });

  it('finds a segment that is missing, and one that is too short', async () => {
    await makeLog();
    const [file] = await segments();
    const whole = await readFile(join(directory, file!));
    await writeFile(join(directory, file!), whole.subarray(0, 1000));
    const short = await log('check', directory);
    expect(short.code).toBe(EXIT.lost.code);
    expect(short.err).toMatch(`${file}: bytes 1000 to ${whole.length}: missing: its end, up to offset 300000`);
    await rm(join(directory, file!));
    const gone = await log('check', directory);
    expect(gone.code).toBe(EXIT.lost.code);
    expect(gone.err).toMatch(`${file}: bytes 0 to ${whole.length}: missing: offsets 0 to 300000, of stream`);
  });

  it('takes a journal whose end was cut for one of a server that was killed', async () => {
    await makeLog();
    await change(JOURNAL, (bytes) => bytes.subarray(0, -5));
    const { code, out } = await log('check', directory);
    expect(code).toBe(EXIT.ok.code);
    expect(out).toMatch(/^closed +not cleanly/m);
    expect(out).toMatch(/^unfinished +\d+ bytes at the end, which the next start truncates$/m);
  });

  it('tells where a start would fail: a journal or a directory that is missing, a state without its beginning', async () => {
    await makeLog();
    const state = Buffer.alloc(500, 'no state');
    await writeFile(join(directory, 'state'), state);
    const wrong = await log('check', directory);
    expect(wrong.code).toBe(EXIT.lost.code);
    expect(wrong.err).toMatch('state: bytes 0 to 500: its beginning is damaged');
    await rm(join(directory, 'journal'), { recursive: true });
    const gone = await log('check', directory);
    expect(gone.code).toBe(EXIT.lost.code);
    expect(gone.err).toMatch('journal: the whole directory is missing');
  });

  it('refuses a newer version, a directory that is not a log, and what is not a directory', async () => {
    await makeLog();
    await writeFile(join(directory, 'FORMAT'), 'streamfs-log 2\nsalt 00000000\n');
    const newer = await log('check', directory);
    expect(newer.code).toBe(EXIT.refused.code);
    expect(newer.err).toMatch('it is a log of the version "streamfs-log 2", and this program knows "streamfs-log 1"');
    const none = await log('check', root);
    expect(none.code).toBe(EXIT.refused.code);
    expect(none.err).toMatch('it has no file FORMAT, so it is not a log');
    const absent = await log('check', join(root, 'nowhere'));
    expect(absent.code).toBe(EXIT.notFound.code);
    expect(absent.err).toMatch(`cannot read the log in ${root}/nowhere: the directory does not exist`);
    const file = await log('check', join(directory, 'FORMAT'));
    expect(file.code).toBe(EXIT.refused.code);
    expect(file.err).toMatch('it is not a directory');
  });

  it('fails where a file cannot be read', async () => {
    await makeLog();
    await rm(join(directory, JOURNAL));
    await mkdir(join(directory, JOURNAL));
    const { code, err } = await log('check', directory);
    expect(code).toBe(EXIT.failed.code);
    expect(err).toMatch(`cannot read the log in ${directory}: EISDIR`);
  });

  it('refuses while a server uses the directory, and not when its lock is all that is left of it', async () => {
    const fs = await start();
    await fs.write('/a', Buffer.from('x'));
    const { code, err } = await log('check', directory);
    expect(code).toBe(EXIT.refused.code);
    expect(err).toMatch(`in use by process ${process.pid} on `);
    expect(err).toMatch('remove its file LOCK');
    await fs.shutdown();
    const lock = await DirectoryLock.take(directory, () => undefined);
    const text = await readFile(join(directory, 'LOCK'), 'utf8');
    await lock.release();
    await writeFile(join(directory, 'LOCK'), text.replace(/"started":"\d+"/, '"started":"1"'));
    expect((await log('check', directory)).code).toBe(EXIT.ok.code);
  });

  it('tells of a newer version where a record has what it does not know', async () => {
    await makeLog();
    const { crc32 } = await import('node:zlib');
    const format = await readFile(join(directory, 'FORMAT'), 'utf8');
    const salt = Number.parseInt(/salt ([0-9a-f]+)/.exec(format)![1]!, 16);
    await change(JOURNAL, (bytes) => {
      const record = Buffer.alloc(29);
      record.write('SFL1', 'latin1');
      record.writeUInt32LE(record.length, 8);
      record[12] = 2;
      record.writeUIntLE(1, 14, 6);
      record.writeUIntLE(bytes.readUIntLE(bytes.lastIndexOf('SFL1') + 20, 6) + 1, 20, 6);
      record[28] = 99;
      record.writeUInt32LE(crc32(record.subarray(8), salt), 4);
      return Buffer.concat([bytes, record]);
    });
    const { code, err } = await log('check', directory);
    expect(err).toMatch('a part of the unknown kind 99');
    expect(err).toMatch('use a newer program');
    expect(code).toBe(EXIT.refused.code);
    const dumped = await log('dump', directory);
    expect(dumped.out).toMatch(/unreadable stream 1 \/\w+ why="a record has a part of the unknown kind 99"$/m);
    expect(dumped.code).toBe(EXIT.lost.code);
  });
});

describe('log dump', () => {
  it('prints a record a line', async () => {
    await makeLog();
    const { code, err, out } = await log('dump', directory);
    expect([code, err]).toEqual([EXIT.ok.code, '']);
    const lines = out.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^journal\/0000000001\.log:0\+\d+ #0 open boot="[^"]*" sync="interval" upTo=-1$/);
    expect(out).toMatch(
      / update stream 1 \/short path="\/short" generation="\w+" .*bytes={"from":0,"to":4,"chunks":1}/,
    );
    expect(out).toMatch(/ end={"reason":"ended","status":"exit 3"}/);
    expect(out).toMatch(/^data\/000000000002-0000000000000000\.seg:0\+\d+ #0 block stream 2 \/long bytes={/m);
    expect(out).toMatch(/ closed upTo=\d+$/m);
  });

  it('prints records of one stream alone, and as JSON', async () => {
    await makeLog();
    const { code, out } = await log('dump', directory, '/long', '--json');
    expect(code).toBe(EXIT.ok.code);
    const records = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ kind }) => kind)).toContain('block');
    expect(records.every(({ path, stream }) => path === '/long' && stream === 2)).toBe(true);
  });

  it('prints the bytes of a stream, and those alone', async () => {
    await makeLog();
    for (const [path, bytes] of [
      ['/short', Buffer.from('one two three')],
      ['/long', long],
    ] as const) {
      const { bytes: found, code, err } = await log('dump', '--raw', directory, path);
      expect([code, err]).toEqual([EXIT.ok.code, '']);
      expect(found.equals(bytes)).toBe(true);
    }
  });

  it('tells which bytes of a stream cannot be read, and prints the others', async () => {
    await makeLog();
    const fs = await start();
    await fs.write('/long', Buffer.alloc(100_000, 'b'));
    await fs.shutdown();
    const [file] = await segments();
    await change(file!, flipped(1000));
    const { bytes, code, err } = await log('dump', '--raw', directory, '/long');
    expect(code).toBe(EXIT.lost.code);
    expect(err).toMatch('bytes 0 to 262144 cannot be read, and are skipped');
    const rest = Buffer.concat([long.subarray(262_144), Buffer.alloc(100_000, 'b')]);
    expect(bytes.equals(rest)).toBe(true);
    const records = await log('dump', directory);
    expect(records.code).toBe(EXIT.lost.code);
    expect(records.out).toMatch(new RegExp(`^${file}:0\\+\\d+ damaged$`, 'm'));
  });

  it('takes a journal whose end was cut for one of a server that was killed', async () => {
    await makeLog();
    await change(JOURNAL, (bytes) => bytes.subarray(0, -5));
    const { code, err, out } = await log('dump', directory);
    expect(code).toBe(EXIT.ok.code);
    expect(out).toMatch(/^journal\/0000000001\.log:\d+\+\d+ unfinished$/m);
    expect(err).toMatch('the end of the last journal is unfinished: the next start truncates it');
  });

  it('reports a missing journal, and prints the records of the other files', async () => {
    await makeLog();
    await rm(join(directory, JOURNAL));
    for (const args of [[directory], [directory, '/long', '--raw']]) {
      const { code, err } = await log('dump', ...args);
      expect(code).toBe(EXIT.lost.code);
      expect(err).toMatch('journal/0000000001.log: the whole file is missing');
    }
    expect((await log('dump', directory)).out).toMatch(/ block stream 2 /);
  });

  it('reports that bytes of a stream are missing at its end, but not for other streams', async () => {
    await makeLog();
    await makeKilled();
    const [file] = await segments();
    await rm(join(directory, file!));
    const { bytes, code, err } = await log('dump', '--raw', directory, '/long');
    expect([code, bytes.length]).toEqual([EXIT.lost.code, 0]);
    expect(err).toMatch(`${file}: not what the journal says`);
    const other = await log('dump', '--raw', directory, '/short');
    expect([other.code, other.err]).toEqual([EXIT.ok.code, '']);
    expect((await log('dump', directory, '/long')).code).toBe(EXIT.lost.code);
    expect((await log('dump', directory, '/short')).code).toBe(EXIT.ok.code);
  });

  it('finds no stream that is not there', async () => {
    await makeLog();
    for (const args of [['/none'], ['/none', '--raw']]) {
      const { code, err } = await log('dump', directory, ...args);
      expect(code).toBe(EXIT.notFound.code);
      expect(err).toMatch('the log has no stream /none');
    }
    expect((await log('dump', directory, 'short')).err).toMatch('did you mean /short?');
  });

  it('prints nothing that a terminal would obey', async () => {
    const fs = await start();
    await fs.write('/a\u009b2J', Buffer.from('x'));
    await fs.shutdown();
    expect((await log('dump', directory)).out).not.toMatch(/(?!\n)\p{Cc}/u);
  });
});

describe('log', () => {
  it('contract 109: changes nothing', async () => {
    await makeLog();
    await change(JOURNAL, (bytes) => Buffer.concat([bytes, Buffer.from('torn')]));
    await writeFile(join(directory, 'data/00000000000f-0000000000000000.seg'), 'left over');
    const before = await allFiles();
    const { out } = await log('check', directory);
    expect(out).toMatch(
      /^not needed +1 \(9B\): files that no stream needs, such as data\/00000000000f-0000000000000000\.seg$/m,
    );
    await log('dump', directory);
    await log('dump', '--raw', directory, '/long');
    expect(await allFiles()).toEqual(before);
  });

  it('contract 107: a copy of the directory of a stopped server, put back, has all streams', async () => {
    await makeLog();
    const copy = join(root, 'copy');
    await cp(directory, copy, { recursive: true, preserveTimestamps: true });
    const after = await start();
    await after.write('/short', Buffer.from(' later'));
    await after.remove('/long');
    await after.shutdown();
    await rm(directory, { recursive: true });
    expect((await log('check', copy)).code).toBe(EXIT.ok.code);
    await cp(copy, directory, { recursive: true });
    const restored = await start();
    expect((await restored.readDir('/')).map(({ name, size }) => [name, size])).toEqual([
      ['README', expect.any(Number)],
      ['ended', 1],
      ['long', 300_000],
      ['short', 13],
    ]);
    // After startup all of it is only on disk.
    const { content } = await restored.snapshot('/short');
    const parts: Uint8Array[] = [];
    for await (const part of content!) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe('one two three');
    await restored.shutdown();
  });

  it('contract 108: files of a log are for its owner alone, whatever the mask is, also after more was written', async () => {
    const mask = process.umask(0);
    try {
      await makeLog();
      const fs = await start();
      await fs.write('/more', long);
      await fs.shutdown();
      const names = await readdir(directory, { recursive: true, withFileTypes: true });
      expect(names.length).toBeGreaterThan(4);
      for (const name of names) {
        const { mode } = await stat(join(name.parentPath, name.name));
        expect((mode & 0o777).toString(8), name.name).toBe(name.isDirectory() ? '700' : '600');
      }
      expect(((await stat(directory)).mode & 0o777).toString(8)).toBe('700');
    } finally {
      process.umask(mask);
    }
  });

  it('says how old the state is', async () => {
    await makeLog();
    const state = join(directory, 'state');
    await writeFile(state, '');
    const old = new Date(Date.now() - 3 * 3_600_000);
    await utimes(state, old, old);
    expect((await log('check', directory)).out).toMatch(/^state +0B, 3h old$/m);
  });

  it('refuses arguments that say nothing', async () => {
    for (const args of [
      ['check', directory, '/a'],
      ['check', directory, '--raw'],
      ['dump', directory, '--raw'],
      ['mend', directory],
      ['check'],
    ]) {
      expect((await log(...args)).code, args.join(' ')).toBe(EXIT.usage.code);
    }
  });
});
