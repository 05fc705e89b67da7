import { describe, expect, it } from 'vitest';
import { PositionedHandle } from '../../src/plugins/positioned-handle.ts';
import { bytes, contentOf, text } from './instance.ts';

class TextHandle extends PositionedHandle {
  protected override readonly size = 3;

  stream(): AsyncIterableIterator<Uint8Array> {
    return this.beginStream(async function* () {
      yield bytes('abc');
    });
  }
}

const newHandle = () =>
  new TextHandle('/a', () => {
    throw new Error('not used');
  });

describe('contract 65: the live read of a handle', () => {
  it('frees the handle when it was read to its end', async () => {
    const handle = newHandle();
    const content = handle.stream();
    expect(() => handle.stream()).toThrow(/already being streamed/);
    expect(text(await contentOf(content))).toBe('abc');
    handle.stream();
  });

  it('frees the handle when it is abandoned, also before its first piece', async () => {
    const handle = newHandle();
    await handle.stream().return!();
    const begun = handle.stream();
    await begun.next();
    await begun.return!();
    expect(text(await contentOf(handle.stream()))).toBe('abc');
  });

  it('does not free the handle for others when it is over already', async () => {
    const handle = newHandle();
    const first = handle.stream();
    await contentOf(first);
    handle.stream();
    await first.return!();
    expect(() => handle.stream()).toThrow(/already being streamed/);
  });
});
