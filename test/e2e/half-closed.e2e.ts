/** `nc -N`, which closes its sending side after its input. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { start } from './harness/commands.ts';
import { MB } from './harness/memory.ts';
import { isPattern, pattern } from './harness/pattern.ts';
import { type ServerProcess, startServer } from './harness/server.ts';

let at: ServerProcess;

beforeAll(async () => {
  at = await startServer();
  await at.put('/streamfs/ended', pattern(0, 5 * MB));
  await at.json('POST', '/end?path=/streamfs/ended');
  await at.put('/streamfs/live', pattern(0, 5 * MB));
  await at.put('/memfs/file', pattern(0, 5 * MB));
});

afterAll(() => at.stop());

/** The response to a request, as printed by nc. */
async function nc(target: string, flags: string): Promise<{ head: string; body: Buffer }> {
  const request = `GET /api/v1${target} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n`;
  const child = start('sh', ['-c', `printf '${request}' | nc ${flags} 127.0.0.1 ${at.port}`]);
  await child.exited;
  const all = child.stdout.bytes;
  const end = all.indexOf('\r\n\r\n') + 4;
  return { head: all.subarray(0, end).toString(), body: all.subarray(end) };
}

describe('nc -N', () => {
  it.each([
    ['an ended stream', '/files?path=/streamfs/ended&stream=true&from=earliest'],
    ['a snapshot', '/files?path=/streamfs/ended&snapshot=true'],
    ['a live stream as far as it is', '/files?path=/streamfs/live&stream=true&from=earliest'],
    ['a file', '/files?path=/memfs/file'],
  ])('gets all of %s', async (_, target) => {
    const { head, body } = await nc(target, '-N');
    expect(head).toMatch(/^HTTP\/1.1 200 /);
    expect([body.length, isPattern(body, 0)]).toEqual([5 * MB, true]);
    await at.untilReaders('/streamfs/live', 0);
  });
});
