import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { runStreamfs, start, streamfs } from './harness/commands.ts';
import { MB, memoryOf } from './harness/memory.ts';
import { MAIN, type ServerProcess, server, startServer } from './harness/server.ts';

let at: ServerProcess;

beforeAll(async () => {
  at = await startServer();
});

afterAll(() => at.stop());

/** Runs a shell line in which `streamfs` is on the PATH. */
function shell(line: string, env: Record<string, string> = {}) {
  const program = `streamfs() { '${process.execPath}' '${MAIN}' "$@"; }\nset -o pipefail\n${line}`;
  return start('bash', ['-c', program], { stdin: 'ignore', env: { STREAMFS_URL: at.url, ...env } });
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'streamfs-cli-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

describe('in a pipe', () => {
  it('contract 85: cat file | write, cat | program just work, and say nothing', async () => {
    const file = process.execPath;
    const { code, stdout, stderr } = await shell(
      `streamfs write --stream --end /streamfs/pipe < '${file}' && streamfs cat --stream --last 1MB /streamfs/pipe | sha256sum`,
    ).result();
    const tail = createHash('sha256').update(readFileSync(file).subarray(-MB)).digest('hex');
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${tail}  -\n`, stderr: '' });
  });

  it('contract 85: ordinary files go there and back, binary clean', async () => {
    const every = Buffer.from(Array.from({ length: 256 * 300 }, (_, n) => n % 256));
    expect(await runStreamfs(at.url, ['write', '/memfs/bytes'], every)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    });
    const read = streamfs(at.url, ['cat', '/memfs/bytes']);
    expect(await read.result()).toMatchObject({ code: 0, stderr: '' });
    expect(read.stdout.bytes.equals(every)).toBe(true);
  });

  it('a reader of its output that leaves ends it quietly, with 141', async () => {
    await at.put('/streamfs/head', Buffer.alloc(4 * MB, 'x'));
    const line = 'streamfs cat --stream /streamfs/head | head -c 10; echo "/$PIPESTATUS"';
    const child = shell(line);
    const { stdout, stderr } = await child.result();
    expect({ stdout, stderr }).toEqual({ stdout: 'xxxxxxxxxx/141\n', stderr: '' });
    await at.untilReaders('/streamfs/head', 0);
  });

  it.each([
    ['a pipe', (end: string) => `streamfs cat --stream /streamfs/idle | ${end}; echo "/$PIPESTATUS"`],
    [
      'a named pipe',
      (end: string) => `cd "$FOLDER"; mkfifo p; ${end} < p & streamfs cat --stream /streamfs/idle > p; echo "/$?"`,
    ],
  ])('%s that is closed ends it even if the stream gets no more data', async (_, line) => {
    await at.put('/streamfs/idle', 'a\nb\n');
    const child = shell(line('head -n 1'), { FOLDER: folder() });
    expect(await child.result()).toMatchObject({ code: 0, stdout: 'a\n/141\n', stderr: '' });
    await at.untilReaders('/streamfs/idle', 0);
  });

  it('a socket that is closed ends it even if the stream gets no more data', async () => {
    await at.put('/streamfs/unread', 'a');
    // Node gives a child a socket as its standard output.
    const child = spawn(process.execPath, [MAIN, 'cat', '--stream', '/streamfs/unread'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, STREAMFS_URL: at.url },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([141, null]);
  });

  it('SIGUSR1 does not open the debugger of Node', async () => {
    const child = spawn(process.execPath, [MAIN, 'cat', '--stream', '/streamfs/usr1'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, STREAMFS_URL: at.url },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let stderr = '';
    child.stderr.on('data', (piece) => {
      stderr += piece;
    });
    await at.untilReaders('/streamfs/usr1', 1);
    child.kill('SIGUSR1');
    await at.put('/streamfs/usr1', 'x');
    await once(child.stdout, 'data');
    await at.json('POST', '/end?path=/streamfs/usr1');
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(stderr).not.toContain('Debugger');
  });

  it('an output that cannot be written to is a failure, not silence', async () => {
    await at.put('/streamfs/full', Buffer.alloc(MB));
    await at.json('POST', '/end?path=/streamfs/full');
    const { code, stderr } = await shell('streamfs cat --stream /streamfs/full > /dev/full').result();
    expect(code).toBe(1);
    expect(stderr).toContain('ENOSPC');
  });

  it('contract 85: input without end takes no memory', async () => {
    const total = 400 * MB;
    const zero = openSync('/dev/zero', 'r');
    const writer = streamfs(at.url, ['write', '--stream', '/streamfs/zero'], { stdin: zero });
    let peak = 0;
    const enough = async () => {
      peak = Math.max(peak, memoryOf(writer.pid).peak);
      return ((await at.facts('/streamfs/zero'))?.written ?? 0) >= total;
    };
    await waitFor('400 MB to be written', enough, 110_000);
    writer.kill('SIGTERM');
    expect(await writer.result()).toMatchObject({ code: 143, stdout: '', stderr: '' });
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(256 * MB);
  });

  it('output that is not read takes no memory', async () => {
    const one = await server({ streamfs: { ring_buffer_size: '256MB', channel_buffer_size: '256MB' } });
    await one.put('/streamfs/much', Buffer.alloc(200 * MB));
    // A full pipe: the shell holds it open and reads nothing.
    const child = start(
      'bash',
      ['-c', `exec 3< <(exec '${process.execPath}' '${MAIN}' cat --stream /streamfs/much); echo $!; read -r line`],
      {
        env: { STREAMFS_URL: one.url },
      },
    );
    const pid = Number(await child.stdout.until('\n'));
    await one.untilReaders('/streamfs/much', 1);
    let last = 0;
    await waitFor('the reader to stand still', async () => {
      const { lag } = (await one.facts('/streamfs/much'))!;
      const stands = lag === last;
      last = lag;
      if (!stands) await new Promise((resolve) => setTimeout(resolve, 200));
      return stands;
    });
    expect(last).toBeGreaterThan(100 * MB);
    expect(memoryOf(pid).peak).toBeLessThan(256 * MB);
    child.stdin.end('\n');
    await child.result();
  });
});

describe('exit codes', () => {
  it.each([
    [0, ['ls', '/streamfs'], ''],
    [0, ['--version'], ''],
    [0, ['--help'], ''],
    [2, [], 'Usage'],
    [2, ['nonsense'], 'nonsense'],
    [2, ['cat'], 'path'],
    [2, ['cat', '--from', 'live', '/streamfs/x'], '--from needs --stream'],
    [2, ['cat', '--stream', '--last', 'lots', '/streamfs/x'], 'lots'],
    [2, ['cat', '--stream', '--last', '1MB', '--offset', '1', '/streamfs/x'], 'exclude each other'],
    [2, ['--url', 'ftp://x', 'ls'], 'ftp'],
    [2, ['--token-file', '/no/such/file', 'ls'], '/no/such/file'],
    [3, ['stat', '/streamfs/absent'], 'stream not found: /streamfs/absent'],
    [3, ['cat', '--stream', '--no-create', '/streamfs/absent'], 'stream not found: /streamfs/absent'],
    [3, ['rm', '/streamfs/absent'], 'stream not found: /streamfs/absent'],
    [1, ['cat', '/streamfs/present'], 'use stream mode for reading stream files'],
    [4, ['write', '--stream', '/streamfs/ended'], 'stream is closed'],
    [4, ['write', '--stream', '/streamfs/README'], 'README'],
    [1, ['mkdir', '/streamfs/dir'], 'streamfs does not support directories'],
    [5, ['--url', 'http://127.0.0.1:1', 'ls'], '127.0.0.1:1'],
    [5, ['--url', 'http://127.0.0.1:1', 'write', '--stream', '--retry-for', '1s', '/streamfs/x'], '127.0.0.1:1'],
    [5, ['--url', 'http://127.0.0.1:1', 'cat', '--stream', '--retry-for', '1s', '/streamfs/x'], '127.0.0.1:1'],
    [7, ['cat', '--stream', '--timeout', '100ms', '/streamfs/quiet'], '100'],
  ] as [number, string[], string][])('%d for %j', async (code, args, message) => {
    await at.put('/streamfs/present', 'x');
    if ((await at.facts('/streamfs/ended')) === undefined) {
      await at.put('/streamfs/ended', 'x');
      await at.json('POST', '/end?path=/streamfs/ended');
    }
    const result = await runStreamfs(at.url, args, 'input');
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(message)]);
    // One line says what was wrong, without internals.
    expect(result.stderr).not.toMatch(/\n\s+at |node:internal|undefined/);
    if (code !== 0) expect(result.stdout).toBe('');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s: %d, quietly, whether it reads or writes', async (signal, code) => {
    const path = `/streamfs/${signal}`;
    const reader = streamfs(at.url, ['cat', '--stream', path]);
    const writer = streamfs(at.url, ['write', '--stream', path]);
    await writer.write('what came before');
    await reader.stdout.until('what came before');
    for (const child of [reader, writer]) {
      child.kill(signal);
      expect(await child.result()).toMatchObject({ code, signal: null, stderr: '' });
    }
    // Bytes written before stay.
    expect(await at.facts(path)).toMatchObject({ written: 16, readers: 0, state: 'open' });
  });

  it.each([
    ['that does not try again', ['--no-retry'], /^streamfs: [^\n]*\n$/],
    [
      'once it has tried long enough',
      ['--retry-for', '1s'],
      /^streamfs: .*; trying again for 1 s\nstreamfs: gave up writing .*\n$/,
    ],
  ])('6 for a writer whose server goes away, %s', async (_, options, pattern) => {
    const one = await server();
    const writer = streamfs(one.url, ['write', '--stream', ...options, '/streamfs/x']);
    await writer.write('something');
    await one.untilWritten('/streamfs/x', 9);
    one.process.kill('SIGKILL');
    const { code, stderr } = await writer.result();
    expect(code).toBe(6);
    expect(stderr).toMatch(pattern);
  });

  it('4 for a writer whose stream is ended by another program, though its input continues', async () => {
    const writer = streamfs(at.url, ['write', '--stream', '/streamfs/ended under']);
    await writer.write('a');
    await at.untilWritten('/streamfs/ended under', 1);
    await at.json('POST', '/end?path=/streamfs/ended+under');
    await waitFor('the writer to end', async () => {
      if (writer.isRunning) await writer.write('b');
      return !writer.isRunning;
    });
    const { code, stderr } = await writer.result();
    expect([code, stderr]).toEqual([4, expect.stringContaining('stream is closed')]);
  });
});

describe('the output', () => {
  it('ls and stat, for people and with --json for programs', async () => {
    const one = await server();
    await one.put('/streamfs/b', '12345');
    await one.put('/streamfs/a/deep', '1');
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await runStreamfs(one.url, args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    };
    expect(await run('ls')).toBe('dev/\nmemfs/\nstreamfs/\n');
    expect(await run('ls', '/streamfs')).toBe('README\na/\nb\n');
    const long = (await run('ls', '-l', '/streamfs')).trimEnd().split('\n');
    expect(long.map((line) => line.split(/\s+/)[0])).toEqual(['MODE', '-r--r--r--', 'drwxr-xr-x', '-rw-r--r--']);
    expect(long[3]).toMatch(/^-rw-r--r-- +5B +open +0 +5B +0B +\d+s +\S+ +b$/);
    expect(JSON.parse(await run('--json', 'ls', '/streamfs'))).toMatchObject([
      { name: 'README' },
      { name: 'a' },
      { name: 'b', size: 5 },
    ]);
    expect(await run('stat', '/streamfs/b')).toMatch(/^name: b\ntype: stream\nplugin: streamfs\nsize: 5\n/);
    expect(JSON.parse(await run('stat', '--json', '/streamfs/b'))).toMatchObject({ name: 'b', size: 5, isDir: false });
    expect(await run('touch', '/streamfs/c', '/streamfs/d')).toBe('');
    expect(await run('rm', '/streamfs/c', '/streamfs/d')).toBe('');
    expect(JSON.parse(await run('mounts', '--json'))).toHaveLength(3);
    expect(await run('mount', 'streamfs', '/more', 'ring_buffer_size=1MB')).toBe('');
    expect(await run('unmount', '/more')).toBe('');
    expect(await run('health')).toContain('ready: yes');
  });

  it('write --json says what it wrote', async () => {
    const { code, stdout } = await runStreamfs(
      at.url,
      ['--json', 'write', '--stream', '/streamfs/said'],
      'twelve bytes',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ path: '/streamfs/said' });
    expect(stdout).toContain('12');
  });

  it.each(['bash'])('completion that %s can read', async (name) => {
    const { code, stdout } = await runStreamfs(at.url, ['completion', name]);
    expect(code).toBe(0);
    const file = join(folder(), 'completion');
    writeFileSync(file, stdout);
    expect(await start(name, ['-n', file]).result()).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    // Completion works in a real shell.
    const line = `source '${file}'; COMP_WORDS=(streamfs un); COMP_CWORD=1; COMP_LINE='streamfs un'; COMP_POINT=11; $(complete -p streamfs | sed -E 's/.*-F ([^ ]+).*/\\1/'); echo "\${COMPREPLY[*]}"`;
    expect((await shell(line).result()).stdout).toContain('unmount');
  });

  it('the exit codes of its help', async () => {
    const { stdout } = await runStreamfs(at.url, ['--help']);
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 130, 141, 143])
      expect(stdout).toMatch(new RegExp(`^ +${code}  \\S`, 'm'));
  });
});

describe('serve', () => {
  const serve = (...args: string[]) => start(process.execPath, [MAIN, 'serve', ...args]);
  const configured = (name: string, text: string) => {
    const file = join(folder(), name);
    writeFileSync(file, text);
    return file;
  };

  it.each([
    ['my.yaml', 'server:\n  log_level: loud\n', 2],
    ['my.yaml', 'server:\n  adress: :8080\n', 2],
    ['my.yaml', 'server: {\n', 2],
    ['my.toml', '[server]\nlog_level = "loud"\n', 2],
    ['my.toml', '[server\n', 1],
  ])('contract 84: a mistake in %s is reported with file and line: %j', async (name, text, line) => {
    const file = configured(name, text);
    const child = serve('--addr', '127.0.0.1:0', '-c', file);
    const { code, stdout, stderr } = await child.result();
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`${file}:${line}`);
  });

  it('contract 76, 81: a mistake in a plugin’s name or parameters fails that mount alone, told with file and line', async () => {
    const file = configured(
      'my.yaml',
      'plugins:\n  memfs: {}\n  stramfs: {}\n  streamfs:\n    config:\n      ring_bufer_size: 1MB\n',
    );
    const child = serve('--addr', '127.0.0.1:0', '-c', file);
    const [, url = ''] = /listening on (\S+)/.exec(await child.stdout.until(/listening on \S+\n/))!;
    const health = (await (await fetch(`${url}/api/v1/health`)).json()) as Record<string, unknown>;
    expect(health).toMatchObject({ degraded: true, mounts: { mounted: 2, failed: 2 } });
    expect(child.stderr.text).toContain(`${file}:3: unknown filesystem type: stramfs (did you mean 'streamfs'?)`);
    expect(child.stderr.text).toContain(`${file}:4: `);
    expect(child.stderr.text).toContain("unknown configuration parameter(s) 'ring_bufer_size'");
    child.kill('SIGTERM');
    expect(await child.result()).toMatchObject({ code: 0 });
  });

  it('contract 84: takes the flags of the original, and prints a sample that it takes', async () => {
    const printed = await start(process.execPath, [MAIN, 'serve', '-print-sample-config']).result();
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    const child = serve('-addr', '127.0.0.1:0', '-c', configured('sample.yaml', printed.stdout));
    await child.stdout.until('listening on http://127.0.0.1:');
    child.kill('SIGTERM');
    expect(await child.result()).toMatchObject({ code: 0 });
  });

  it('contract 79: refuses an address that others can reach, unless this is allowed explicitly', async () => {
    const refused = await serve('--addr', '0.0.0.0:0').result();
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    const meant = serve('--addr', '0.0.0.0:0', '--no-auth');
    await meant.stdout.until('listening on');
    meant.kill('SIGINT');
    expect(await meant.result()).toMatchObject({ code: 0 });
  });

  it('says in one line that its port is in use', async () => {
    const { code, stdout, stderr } = await serve('--addr', `127.0.0.1:${at.port}`).result();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/the port is in use/);
  });
});

describe('tail --follow of several streams', () => {
  /** Reads standard input slowly, then prints how many bytes there were. */
  const slowReader = `
    const { readSync } = require('node:fs');
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const piece = Buffer.alloc(32 * 1024);
    let total = 0;
    for (let read; (read = readSync(0, piece)) > 0; total += read) Atomics.wait(pause, 0, 0, 1);
    console.log(total);`;

  it('ends when all have ended, also if its output is a pipe that is read slowly', async () => {
    for (const path of ['/streamfs/slow-a', '/streamfs/slow-b']) await at.put(path, '');
    const child = shell(
      `streamfs -q tail -f -n 0 /streamfs/slow-a /streamfs/slow-b | '${process.execPath}' -e "$SLOW"; echo "/$PIPESTATUS"`,
      { SLOW: slowReader },
    );
    await Promise.all(['/streamfs/slow-a', '/streamfs/slow-b'].map((path) => at.untilReaders(path, 1)));
    const body = Buffer.alloc(4 * MB, 'x');
    await Promise.all(['/streamfs/slow-a', '/streamfs/slow-b'].map((path) => at.put(path, body)));
    for (const path of ['/streamfs/slow-a', '/streamfs/slow-b']) await at.json('POST', `/end?path=${path}`);
    const { stdout, stderr } = await child.result();
    expect({ stdout, stderr }).toEqual({ stdout: `${8 * MB}\n/0\n`, stderr: '' });
  });
});
