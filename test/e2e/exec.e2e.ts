/** `streamfs exec` as users run it: real commands, signals, and the state after it is killed (contract 100). */
import { spawn } from 'node:child_process';
import { describe, expect, it, onTestFinished } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { runStreamfs, streamfs } from './harness/commands.ts';
import { MAIN, type ServerProcess, server } from './harness/server.ts';

const PATH = '/streamfs/run';

/** The content of a stream, and how it ended. */
async function left(at: ServerProcess, path = PATH) {
  const response = await fetch(at.api(`/files?path=${path}&snapshot=true`));
  const { meta } = await at.json('GET', `/stat?path=${path}`);
  const { state, end_status } = (meta as { Content: Record<string, string> }).Content;
  return { text: await response.text(), state, status: end_status };
}

const isWritten = (at: ServerProcess, text: string) =>
  waitFor(text, async () => {
    const response = await fetch(at.api(`/files?path=${PATH}&snapshot=true`));
    return response.ok && (await response.text()).includes(text);
  });

describe('streamfs exec', () => {
  it('contract 100: streams both outputs in order, and ends as its command does', async () => {
    const at = await server();
    const script = 'echo out; echo err >&2; echo device > /dev/stderr; echo again; exit 3';
    const ran = await runStreamfs(at.url, ['exec', PATH, '--', 'sh', '-c', script]);
    expect(ran).toMatchObject({ code: 3, stdout: '', stderr: '' });
    expect(await left(at)).toEqual({ text: 'out\nerr\ndevice\nagain\n', state: 'ended', status: 'exit 3' });
    const reader = await runStreamfs(at.url, ['cat', '--stream', PATH]);
    expect(reader).toMatchObject({ code: 0, stderr: `streamfs: ${PATH}: ended at offset 21: exit 3\n` });
  });

  it.each([
    ['a command that is not there', ['no-such-command'], 127, /^streamfs: no-such-command: command not found\n$/],
    ['a file that is not executable', [import.meta.filename], 126, /: cannot be run: it is not an executable file\n$/],
    ['a signal', ['sh', '-c', 'kill -9 $$'], 137, /^$/],
  ])('contract 100: %s gives the exit code of shells and an ended stream', async (_, command, code, stderr) => {
    const at = await server();
    const ran = await runStreamfs(at.url, ['exec', PATH, '--', ...command]);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(stderr);
    expect(await left(at)).toEqual({
      text: '',
      state: 'ended',
      status: code === 137 ? 'signal SIGKILL' : `exit ${code}`,
    });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)('passes on %s, once', async (name) => {
    const at = await server();
    const script = `trap "echo got; exit 5" ${name.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const running = streamfs(at.url, ['exec', PATH, '--', 'sh', '-c', script]);
    await isWritten(at, 'ready');
    running.kill(name);
    expect(await running.result()).toMatchObject({ code: 5, stderr: '' });
    const { text, ...end } = await left(at);
    // `sleep` gets the signal as well, and some shells report that.
    expect(text.split('\n').filter((line) => line === 'got')).toEqual(['got']);
    expect(end).toEqual({ state: 'ended', status: 'exit 5' });
  });

  it('a signal that ends its command ends it alike, also where the command is a shell that waits for another', async () => {
    const at = await server();
    const running = streamfs(at.url, ['exec', PATH, '--', 'sh', '-c', 'echo ready; sleep 1000; echo never']);
    await isWritten(at, 'ready');
    running.kill('SIGINT');
    expect(await running.result()).toMatchObject({ code: 130, stderr: '' });
    expect(await left(at)).toEqual({ text: 'ready\n', state: 'ended', status: 'signal SIGINT' });
  });

  it.each(['exec alone', 'its whole process group'])(
    'contract 100: SIGKILL of %s leaves an ended stream',
    async (who) => {
      const at = await server();
      // In a separate process group, so that the group can be killed.
      const child = spawn(process.execPath, [MAIN, 'exec', PATH, '--', 'sh', '-c', 'echo ready; exec sleep 1000'], {
        env: { ...process.env, STREAMFS_URL: at.url },
        stdio: 'ignore',
        detached: true,
      });
      const pid = child.pid!;
      let command = 0;
      onTestFinished(() => {
        if (command > 0) process.kill(command, 'SIGKILL');
      });
      await isWritten(at, 'ready');
      command = await waitFor('the pid of the command', async () => (await childOf(pid, 'sleep')) ?? 0);
      process.kill(who === 'exec alone' ? pid : -pid, 'SIGKILL');
      await waitFor('the end', async () => (await left(at)).state === 'ended');
      expect(await left(at)).toEqual({ text: 'ready\n', state: 'ended', status: 'lost' });
    },
  );

  it('--split makes two streams, --tee prints each where it belongs, --json says how it went', async () => {
    const at = await server();
    const command = ['sh', '-c', 'echo out; echo err >&2; exit 4'];
    expect(await runStreamfs(at.url, ['exec', '--split', '--tee', PATH, '--', ...command])).toMatchObject({
      ...{ code: 4, stdout: 'out\n', stderr: 'err\n' },
    });
    expect(await left(at, `${PATH}.out`)).toEqual({ text: 'out\n', state: 'ended', status: 'exit 4' });
    expect(await left(at, `${PATH}.err`)).toEqual({ text: 'err\n', state: 'ended', status: 'exit 4' });
    const { stdout } = await runStreamfs(at.url, ['exec', '--json', PATH, '--', ...command]);
    expect(JSON.parse(stdout)).toMatchObject({ code: 4, status: 'exit 4', streams: [{ path: PATH, written: 8 }] });
  });

  it('--lines keeps lines of both outputs whole, and completes the last', async () => {
    const at = await server();
    const script = 'printf beg; echo err >&2; echo in; printf last';
    expect((await runStreamfs(at.url, ['exec', '--lines', PATH, '--', 'sh', '-c', script])).code).toBe(0);
    const { text } = await left(at);
    expect(text.split('\n').sort()).toEqual(['', 'begin', 'err', 'last']);
  });

  it('--tty gives the command a terminal', async () => {
    const at = await server();
    const script = 'test -t 1 && test -t 2 && echo "terminal  $0"; exit 6';
    const ran = await runStreamfs(at.url, ['exec', '--tty', '--tee', PATH, '--', 'sh', '-c', script, "it's $HOME"]);
    expect(ran).toMatchObject({ code: 6, stdout: "terminal  it's $HOME\r\n" });
    expect(await left(at)).toMatchObject({ text: "terminal  it's $HOME\r\n", status: 'exit 6' });
  });

  it('--tty says so where there is no script of util-linux', async () => {
    const at = await server();
    const ran = streamfs(at.url, ['exec', '--tty', PATH, '--', 'true'], { env: { PATH: '/nonexistent' } });
    expect(await ran.result()).toMatchObject({ code: 1, stderr: expect.stringContaining('--tty needs the program') });
  });

  it('says where options of the command belong', async () => {
    const ran = await runStreamfs('http://127.0.0.1:1', ['exec', PATH, 'make', '-j4']);
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('streamfs exec PATH -- COMMAND') });
  });

  it('begins no second run in a stream that has ended but with --replace', async () => {
    const at = await server();
    await runStreamfs(at.url, ['exec', PATH, '--', 'echo', 'first']);
    const refused = await runStreamfs(at.url, ['exec', PATH, '--', 'sh', '-c', 'echo ran > /dev/stderr']);
    expect(refused).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('--replace creates a new one in its place'),
    });
    await runStreamfs(at.url, ['exec', '--replace', PATH, '--', 'echo', 'second']);
    expect(await left(at)).toEqual({ text: 'second\n', state: 'ended', status: 'exit 0' });
  });

  it('does not run its command where nothing can be streamed, and lets it go on where that fails later', async () => {
    const at = await server();
    const nowhere = await runStreamfs(at.url, ['exec', '/nowhere/x', '--', 'sh', '-c', 'echo ran > /dev/stderr']);
    expect(nowhere).toMatchObject({ code: 3, stdout: '' });
    const script = 'echo ready; read line; yes | head -c 3000000; echo end >&2; exit 7';
    const running = streamfs(at.url, ['exec', '--split', '--tee', PATH, '--', 'sh', '-c', script]);
    await waitFor('its start', async () => running.stdout.text.includes('ready'));
    for (const end of ['out', 'err']) await at.json('POST', `/end?path=${PATH}.${end}`);
    await waitFor('the failure', () => running.stderr.text.includes('the command continues'));
    running.stdin.end('go\n');
    const { code, stdout, stderr } = await running.result();
    expect([code, stdout.length]).toEqual([7, 3_000_006]);
    expect(stderr).toContain('stream is closed');
    expect(stderr).toContain('end\n');
  });

  it('ends when its command does, and says that something of it is left that can still print', async () => {
    const at = await server();
    const script = 'sleep 1000 & echo $!';
    const ran = await runStreamfs(at.url, ['exec', '--tee', PATH, '--', 'sh', '-c', script]);
    process.kill(Number(ran.stdout), 'SIGKILL');
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('a process it started can still print') });
    expect(await left(at)).toEqual({ text: ran.stdout, state: 'ended', status: 'exit 0' });
  });
});

/** The pid of a descendant of a process. */
async function childOf(pid: number, name: string): Promise<number | undefined> {
  const ps = spawn('ps', ['-eo', 'pid=,ppid=,comm='], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  for await (const piece of ps.stdout) text += piece;
  for (const line of text.split('\n')) {
    const [child, parent, command] = line.trim().split(/\s+/);
    if (Number(parent) === pid && command === name) return Number(child);
  }
  return undefined;
}
