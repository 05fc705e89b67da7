import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { type Running, start } from './harness.ts';

/** A body that has sent `abc` and nothing since. Gives its answer when there is one. */
async function idleUpload({ host, port }: Running): Promise<{ status: number; body: unknown }> {
  const path = '/api/v1/files?path=/s/live';
  const upload = request({ host, port, path, method: 'PUT', headers: { 'Transfer-Encoding': 'chunked' } });
  upload.on('error', () => undefined);
  upload.write('abc');
  const [res] = (await once(upload, 'response')) as [IncomingMessage];
  const body: unknown = JSON.parse(await text(res));
  upload.destroy();
  return { status: res.statusCode ?? 0, body };
}

/** Until the server has what was sent. */
async function untilWritten({ call }: Running): Promise<void> {
  await vi.waitFor(async () => expect((await call('GET', '/stat?path=/s/live')).json().size).toBe(3));
}

describe('an upload that has nothing to send just now', () => {
  const refused = { status: 409, body: { error: 'stream is closed', code: 'STREAM_CLOSED', written: 3 } };

  it.each([
    ['ended', (server: Running) => server.call('POST', '/end?path=/s/live')],
    ['removed', (server: Running) => server.call('DELETE', '/files?path=/s/live')],
    ['unmounted', (server: Running) => server.post('/unmount', { path: '/s' })],
  ])('contract 3, 72: is told at once that its stream was %s, and how much was written', async (_, act) => {
    const server = await start({ mounted: { '/s': 'streamfs' } });
    const upload = idleUpload(server);
    await untilWritten(server);
    await act(server);
    expect(await upload).toEqual(refused);
  });

  it('contract 28: does not hold up a shutdown', async () => {
    const server = await start({ mounted: { '/s': 'streamfs' } });
    const upload = idleUpload(server);
    await untilWritten(server);
    const closed = server.server.close(60_000);
    await server.mounts.shutdown();
    expect(await upload).toEqual(refused);
    await closed;
  });
});
