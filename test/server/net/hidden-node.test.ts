/** A Node without its undocumented interfaces: the server detects this, logs it once, and serves. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { takenBySystem } from '../../../src/server/net/index.ts';
import { connectTo } from '../../harness/wire.ts';
import { start } from '../harness.ts';

const restore: (() => void)[] = [];
afterEach(() => {
  for (const undo of restore.splice(0)) undo();
});

/** The prototypes of Node's handles for connections and listeners, and those they inherit from. */
async function handlePrototypes(): Promise<object[]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const chain: object[] = [];
  for (
    let at: object | null = (server as unknown as { _handle: object })._handle;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    chain.push(at);
  }
  server.close();
  return chain.slice(1);
}

/** Hides a property of all handles until the test is over. False if it does not exist. */
async function hide(name: string): Promise<boolean> {
  const chain = await handlePrototypes();
  const owner = chain.find((prototype) => Object.hasOwn(prototype, name));
  if (owner === undefined) return false;
  // A property that cannot be deleted is hidden by one on the prototype nearest to the object.
  const [nearest = owner] = chain;
  const described = Object.getOwnPropertyDescriptor(nearest, name);
  Object.defineProperty(nearest, name, { value: undefined, configurable: true });
  restore.push(() => {
    if (described === undefined) delete (nearest as Record<string, unknown>)[name];
    else Object.defineProperty(nearest, name, described);
  });
  return true;
}

/** Appends, follows live, and sends a body by node:http: all ways in and out. */
async function servesAll(server: Awaited<ReturnType<typeof start>>): Promise<void> {
  const reader = await connectTo(server.port);
  reader.send('GET /api/v1/files?path=/s/a&stream=true HTTP/1.1\r\nHost: x\r\n\r\n');
  await reader.until('200 OK');
  expect((await server.call('PUT', '/files?path=/s/a', { body: 'first ' })).status).toBe(200);
  const writer = await connectTo(server.port);
  writer.send('PUT /api/v1/files?path=/s/a HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nsecond');
  await writer.until('200 OK');
  await reader.until('second');
  expect((await server.call('GET', '/files?path=/s/a&snapshot=true')).text).toBe('first second');
  reader.socket.destroy();
  writer.socket.destroy();
}

describe('a server', () => {
  it('shares reads where Node allows it, and says so in the metrics alone', async () => {
    const server = await start({ mounted: { '/s': 'streamfs' } });
    await servesAll(server);
    expect(server.server.metrics.text()).toContain('streamfs_shared_reads 1\n');
    expect(server.log.filter(({ message }) => message.startsWith('reads'))).toEqual([]);
  });

  it('does without, where that is configured, and logs it', async () => {
    const server = await start({ mounted: { '/s': 'streamfs' }, sharedReads: 'off' });
    await servesAll(server);
    expect(server.server.metrics.text()).toContain('streamfs_shared_reads 0\n');
    expect(server.log.filter(({ message }) => message.startsWith('reads'))).toEqual([
      { level: 'info', message: 'reads are not shared', facts: { reason: 'server.shared_reads is off' } },
    ]);
  });

  it('does without by itself on a Node whose handles cannot be read into given memory, and warns', async () => {
    expect(await hide('useUserBuffer')).toBe(true);
    const server = await start({ mounted: { '/s': 'streamfs' } });
    await servesAll(server);
    expect(server.server.metrics.text()).toContain('streamfs_shared_reads 0\n');
    expect(server.log.filter(({ message }) => message.startsWith('reads'))).toEqual([
      {
        level: 'warn',
        message: 'reads are not shared: appends cost up to twice as much',
        facts: { reason: `Node ${process.versions.node} does not allow it` },
      },
    ]);
  });

  it('counts what was written to a socket on a Node that does not say how much of it the system has taken', async () => {
    const listening = createServer().listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const { port } = listening.address() as AddressInfo;
    const client = connect(port, '127.0.0.1');
    const [socket] = (await once(listening, 'connection')) as [Socket];
    const written = 64 * 1024 * 1024;
    socket.write(new Uint8Array(written));
    // The peer does not read, and no system buffers this much.
    expect(takenBySystem(socket)).toBeLessThan(written);
    expect(await hide('writeQueueSize')).toBe(true);
    expect(takenBySystem(socket)).toBe(written);
    socket.destroy();
    client.destroy();
    listening.close();
  });
});
