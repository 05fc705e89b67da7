import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Output } from '../../src/cli/io.ts';

describe('standard output', () => {
  it('wakes every caller that waits for room, not only the last', async () => {
    const pending: (() => void)[] = [];
    const stream = new Writable({ write: (_piece, _encoding, done) => void pending.push(done) });
    const output = new Output(stream);
    const piece = new Uint8Array(600 * 1024);
    const done: string[] = [];
    const writes = ['a', 'b', 'c'].map((name) => output.write(piece).then(() => done.push(name)));
    while (pending.length > 0) {
      pending.shift()!();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(writes);
    expect(done.sort()).toEqual(['a', 'b', 'c']);
  });
});
