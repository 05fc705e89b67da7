/** `streamfs top` on a real terminal, made by `script` of util-linux. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { start } from './harness/commands.ts';
import { ScreenText } from './harness/screen.ts';
import { MAIN, server } from './harness/server.ts';

/** Runs `streamfs top` on a terminal of 80 x 24; `before` is on the screen before it starts. */
function onTerminal(url: string, ...options: string[]) {
  const top = `${process.execPath} ${MAIN} top --interval 200ms ${options.join(' ')}`;
  const script = `stty rows 24 cols 80; tty; ${top}; echo "code $?"; stty -a`;
  return start('script', ['-q', '-f', '-c', script, '/dev/null'], { env: { STREAMFS_URL: url, SHELL: '/bin/sh' } });
}

describe('streamfs top', () => {
  it('shows 1,000 streams on 80 x 24, sorts by keys, takes another size, and leaves the terminal as it was', async () => {
    const at = await server();
    for (let n = 0; n < 1000; n++) await at.put(`/streamfs/stream-${String(n).padStart(4, '0')}`, 'x'.repeat(n + 1));
    const running = onTerminal(at.url);
    const screen = (width = 80, height = 24) =>
      new ScreenText(width, height).print(running.stdout.text).text.split('\n');
    await waitFor('the table', () => screen()[0]?.includes('1000 streams, 1000 open'));
    expect(screen()[3]).toMatch(/^STREAM +STATE READERS +RATE\/s +WRITTEN +LAG +LOST +AGE$/);
    expect(screen()[23]).toBe('1 to 19 of 1000 streams; arrows and space scroll');
    running.stdin.write('w');
    await waitFor('those with most', () => screen()[4]?.startsWith('/streamfs/stream-0999 '));
    running.stdin.write('w');
    await waitFor('those with least', () => screen()[4]?.startsWith('/streamfs/stream-0000 '));
    running.stdin.write(' ');
    await waitFor('the next page', () => screen()[4]?.startsWith('/streamfs/stream-0019 '));
    const terminal = /^\/dev\/\S+/.exec(running.stdout.text)![0];
    execFileSync('stty', ['-F', terminal, 'rows', '30', 'cols', '110']);
    await waitFor('a wider table', () => screen(110, 30)[3]?.includes('RETAINED'));
    running.stdin.write('q');
    await waitFor('its end', () => running.stdout.text.includes('code 0'));
    const left = new ScreenText(110, 30).print(running.stdout.text);
    expect(left).toMatchObject({ isOther: false, isCursorShown: true, isWrapping: true });
    await waitFor('the state of the terminal', () => / icanon /.test(running.stdout.text));
    expect(running.stdout.text).toMatch(/(?<!-)\becho\b/);
    await running.result();
  });

  it.each([
    ['Ctrl-C', '\x03', 130],
    ['SIGTERM', 'SIGTERM', 143],
    ['SIGHUP', 'SIGHUP', 143],
  ])('leaves the terminal as it was after %s', async (_, how, code) => {
    const at = await server();
    await at.put('/streamfs/x', 'x');
    const running = onTerminal(at.url);
    await waitFor('the table', () => running.stdout.text.includes('/streamfs/x'));
    if (how.startsWith('SIG')) {
      const pid = execFileSync('pgrep', ['-f', `^${process.execPath} ${MAIN} top`], { encoding: 'utf8' });
      const own = pid
        .trim()
        .split('\n')
        .map(Number)
        .filter((one) => isBelow(one, running.pid));
      expect(own).toHaveLength(1);
      process.kill(own[0]!, how as NodeJS.Signals);
    } else running.stdin.write(how);
    await waitFor('its end', () => running.stdout.text.includes(`code ${code}`));
    await waitFor('the state of the terminal', () => / icanon /.test(running.stdout.text));
    expect(new ScreenText(80, 24).print(running.stdout.text)).toMatchObject({ isOther: false, isCursorShown: true });
    await running.result();
  });
});

/** Whether a process descends from another. */
function isBelow(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1; ) {
    if (at === ancestor) return true;
    at = Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(at)], { encoding: 'utf8' }).trim());
  }
  return false;
}
