import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileContent } from '../../../src/plugins/memfs/content.ts';

const MAX = 400;

/** A model of a file, on an array of numbers. */
class Model {
  bytes: number[] = [];

  write(data: Uint8Array, offset: number): void {
    if (data.length === 0) return;
    while (this.bytes.length < offset) this.bytes.push(0);
    this.bytes.splice(offset, data.length, ...data);
  }

  truncate(size: number): void {
    while (this.bytes.length < size) this.bytes.push(0);
    this.bytes.length = size;
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), data: fc.uint8Array({ maxLength: 80 }), at: fc.nat(300) }),
  fc.record({ kind: fc.constant('append' as const), data: fc.uint8Array({ maxLength: 80 }) }),
  fc.record({ kind: fc.constant('truncate' as const), size: fc.nat(MAX) }),
  fc.record({ kind: fc.constant('view' as const) }),
);

describe('the content of a file in memory', () => {
  it('is what a simple model says, and no view ever changes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const content = new FileContent(MAX);
        const model = new Model();
        const views: [Uint8Array, number[]][] = [];
        for (const each of steps) {
          if (each.kind === 'view') views.push([content.view(), [...model.bytes]]);
          else if (each.kind === 'truncate') {
            content.truncate(each.size);
            model.truncate(each.size);
          } else {
            const at = each.kind === 'append' ? content.size : each.at;
            if (each.data.length > 0 && at + each.data.length > MAX) {
              expect(() => content.write(each.data, at)).toThrow(expect.objectContaining({ code: 'FILE_TOO_LARGE' }));
            } else {
              content.write(each.data, at);
              model.write(each.data, at);
            }
          }
          expect([...content.copy(0, MAX)]).toEqual(model.bytes);
          for (const [view, seen] of views) expect([...view]).toEqual(seen);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('copies a file only when bytes that a reader views are written', () => {
    const content = new FileContent(1024);
    content.write(new Uint8Array(100), 0);
    content.write(new Uint8Array(50), 100);
    const { buffer } = content.view();
    content.write(new Uint8Array(20), 150);
    expect(content.view().buffer === buffer).toBe(true);
    content.write(new Uint8Array(1), 50);
    expect(content.view().buffer === buffer).toBe(false);
  });

  it('gives memory back when it is cut off', () => {
    const content = new FileContent(1024 * 1024);
    content.write(new Uint8Array(1024 * 1024), 0);
    content.truncate(10);
    expect(content.view().buffer.byteLength).toBe(10);
  });
});
