import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SortedPaths } from '../../../src/plugins/streamfs/sorted-paths.ts';

const path = fc.string({ unit: fc.constantFrom('/', 'a', 'b', 'z', 'é', '𝄞'), maxLength: 5 });

describe('sorted paths', () => {
  it('have those that were added and not taken out, in order, behind any path', () => {
    fc.assert(
      fc.property(fc.array(path, { maxLength: 60 }), path, (toggled, behind) => {
        const paths = new SortedPaths();
        const model = new Set<string>();
        for (const one of toggled) {
          if (model.delete(one)) paths.delete(one);
          else {
            model.add(one);
            paths.add(one);
          }
        }
        const sorted = [...model].sort((a, b) => (a < b ? -1 : 1));
        expect([...paths.after(undefined)]).toEqual(sorted);
        expect([...paths.after(behind)]).toEqual(sorted.filter((one) => one > behind));
        expect(paths.size).toBe(sorted.length);
      }),
    );
  });

  it('stay in order over many blocks, whatever the order they come and go in', () => {
    const paths = new SortedPaths();
    // 7919 and 5000 are coprime: each number comes once, unordered.
    const names = Array.from({ length: 5000 }, (_, n) => String((n * 7919) % 5000).padStart(4, '0'));
    for (const name of names) paths.add(name);
    for (const name of names) if (Number(name) % 3 !== 0) paths.delete(name);
    const left = names.filter((name) => Number(name) % 3 === 0).sort();
    expect([...paths.after(undefined)]).toEqual(left);
    expect([...paths.after('2500')]).toEqual(left.filter((name) => name > '2500'));
    for (const name of left) paths.delete(name);
    expect([...paths.after(undefined)]).toEqual([]);
  });
});
