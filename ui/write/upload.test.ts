import { describe, expect, it } from 'vitest';
import type { WriteOptions, WriteResult, WriteSource } from '../../src/client/index.ts';
import { upload } from './upload.ts';

/** A fake client that records what it receives. */
function recorder() {
  const parts: { length: number; options: WriteOptions }[] = [];
  const write = async (_path: string, source: WriteSource, options: WriteOptions = {}): Promise<WriteResult> => {
    options.signal?.throwIfAborted();
    const { length } = source as Uint8Array;
    parts.push({ length, options });
    return { written: length, endOffset: undefined, generation: 'g1' };
  };
  return { parts, write };
}

describe('writing a file', () => {
  it('sends it part by part, each exactly once, all to the stream that got the first', async () => {
    const api = recorder();
    const told: number[] = [];
    const signal = new AbortController().signal;
    await upload(api, '/s/x', new Blob([new Uint8Array(5_000_000)]), { signal, onProgress: (n) => told.push(n) });
    expect(api.parts.map(({ length }) => length)).toEqual([2_097_152, 2_097_152, 805_696]);
    expect(told).toEqual([2_097_152, 4_194_304, 5_000_000]);
    expect(api.parts.every(({ options }) => options.reconnect === true)).toBe(true);
    expect(api.parts.map(({ options }) => options.generation)).toEqual([undefined, 'g1', 'g1']);
  });

  it('creates the stream for an empty file too, and stops when aborted', async () => {
    const api = recorder();
    const leaving = new AbortController();
    await upload(api, '/s/x', new Blob([]), { signal: leaving.signal, onProgress: () => undefined });
    expect(api.parts).toHaveLength(1);
    const cancel = () => leaving.abort(new Error('cancelled'));
    const large = new Blob([new Uint8Array(5_000_000)]);
    await expect(upload(api, '/s/x', large, { signal: leaving.signal, onProgress: cancel })).rejects.toThrow(
      'cancelled',
    );
    expect(api.parts).toHaveLength(2);
  });
});
