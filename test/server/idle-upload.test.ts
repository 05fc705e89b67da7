import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../harness/wait.ts';
import { type Running, start } from './harness.ts';

/** A body that has sent `abc` and nothing since. Returns its response when there is one. */
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

/** Waits until the server has received the bytes. */
async function untilWritten({ call }: Running): Promise<void> {
  await waitFor(async () => (await call('GET', '/stat?path=/s/live')).json().size === 3);
}

describe('an upload that has nothing to send just now', () => {
  const closed = { status: 409, body: { code: 'STREAM_CLOSED', written: 3 } };
  const shutDown = { status: 503, body: { code: 'STREAM_SHUT_DOWN', written: 3 } };

  it.each([
    ['ended', closed, (server: Running) => server.call('POST', '/end?path=/s/live')],
    ['removed', closed, (server: Running) => server.call('DELETE', '/files?path=/s/live')],
    ['unmounted', shutDown, (server: Running) => server.post('/unmount', { path: '/s' })],
  ])('contract 3, 72: learns immediately that its stream was %s, and how much was written', async (_, refused, act) => {
    const server = await start({ mounted: { '/s': 'streamfs' } });
    const upload = idleUpload(server);
    await untilWritten(server);
    await act(server);
    expect(await upload).toMatchObject(refused);
  });

  it('contract 28: does not hold up a shutdown', async () => {
    const server = await start({ mounted: { '/s': 'streamfs' } });
    const upload = idleUpload(server);
    await untilWritten(server);
    const closing = server.server.close(60_000);
    await server.mounts.shutdown();
    expect(await upload).toMatchObject(shutDown);
    await closing;
  });
});
