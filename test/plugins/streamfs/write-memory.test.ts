import { afterEach, describe, expect, it } from 'vitest';
import { Stream } from '../../../src/core/index.ts';
import { MountTable, PluginRegistry } from '../../../src/fs/index.ts';
import { builtinPlugins } from '../../../src/plugins/index.ts';
import { text } from './setup.ts';

const tables: MountTable[] = [];
afterEach(async () => {
  for (const table of tables.splice(0)) await table.shutdown();
});

async function mounted(): Promise<MountTable> {
  const registry = new PluginRegistry();
  for (const plugin of builtinPlugins) registry.register(plugin);
  const mounts = new MountTable({ registry });
  tables.push(mounts);
  const config = { channel_buffer_size: '8', ring_buffer_size: '64', on_lag: 'block', block_timeout: '1h' };
  await mounts.mount('streamfs', '/s', config);
  return mounts;
}

type Write = (bytes: Uint8Array) => unknown;

/** Each way to write, with the stream's reader. */
const ways: Record<string, () => Promise<{ write: Write; read: () => Promise<string> }>> = {
  'Stream.write': async () => {
    const stream = new Stream({ retention: 64, maxLag: 8, onLag: 'block' });
    const reader = stream.openReader();
    return { write: (bytes) => stream.write(bytes), read: async () => dataOf(await reader.read()) };
  },
  'mounts.write': async () => {
    const mounts = await mounted();
    return { write: (bytes) => mounts.write('/s/a', bytes), read: await readerOf(mounts) };
  },
  'mounts.write in whole lines': async () => {
    const mounts = await mounted();
    return { write: (bytes) => mounts.write('/s/a', bytes, { atomic: 'lines' }), read: await readerOf(mounts) };
  },
  'FileWriter.write': async () => {
    const mounts = await mounted();
    const writer = await mounts.openWrite('/s/a');
    return { write: (bytes) => writer.write(bytes), read: await readerOf(mounts) };
  },
  'FileWriter.write of a producer': async () => {
    const mounts = await mounted();
    const writer = await mounts.openProducerWrite('/s/a', { id: 'p', epoch: 0, seq: 0 });
    return { write: (bytes) => writer.write(bytes), read: await readerOf(mounts) };
  },
  'handle.write': async () => {
    const mounts = await mounted();
    const handle = await mounts.openHandle('/s/a', { flags: 1, mode: 0o644 });
    return { write: (bytes) => handle.write(bytes), read: await readerOf(mounts) };
  },
  'Appender.append': async () => {
    const mounts = await mounted();
    const appender = mounts.tryAppend('/s/a');
    return { write: (bytes) => appender?.append(bytes), read: await readerOf(mounts) };
  },
};

async function readerOf(mounts: MountTable): Promise<() => Promise<string>> {
  const source = await mounts.openStream('/s/a');
  if (source.kind !== 'live') throw new Error('not a live stream');
  return async () => dataOf(await source.reader.read());
}

function dataOf(record: { type: string; data?: Uint8Array }): string {
  return record.type === 'data' ? text(record.data!) : '';
}

describe('contract 2: the memory of a write may be used again as soon as it has returned', () => {
  const memories: [string, (bytes: string) => Uint8Array][] = [
    ['a Buffer', (bytes) => Buffer.from(bytes)],
    ['a Uint8Array', (bytes) => new TextEncoder().encode(bytes)],
  ];
  const cases = Object.keys(ways).flatMap((way) => memories.map(([kind, make]) => [way, kind, make] as const));

  it.each(cases)('%s of %s, also while a reader makes its writer wait', async (way, _, make) => {
    const { write, read } = await ways[way]!();
    // Until it has caught up, a reader may fall further behind.
    const caughtUp = read();
    const writes: unknown[] = [];
    for (let n = 0; n < 40; n++) {
      const memory = make(`GOOD${String(n).padStart(3, '0')}\n`);
      writes.push(write(memory));
      memory.fill(88);
      if (n === 0) await caughtUp;
    }
    let got = '';
    while (got.length < 40 * 8) got += await read();
    await Promise.all(writes);
    expect(
      got
        .split('\n')
        .slice(0, -1)
        .every((line) => /^GOOD\d{3}$/.test(line)),
    ).toBe(true);
  });
});
