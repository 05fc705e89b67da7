import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RowHeights } from '../../../ui/viewer/text/row-heights.ts';

it('heights of rows are the sums that a plain list gives, after any changes at both ends', () => {
  const action = fc.oneof(
    fc.record({
      type: fc.constant('push' as const),
      count: fc.integer({ min: 1, max: 700 }),
      height: fc.integer({ min: 1, max: 9 }),
    }),
    fc.record({ type: fc.constant('drop' as const), count: fc.integer({ min: 0, max: 600 }) }),
    fc.record({ type: fc.constant('truncate' as const), count: fc.integer({ min: 0, max: 400 }) }),
    fc.record({ type: fc.constant('set' as const), at: fc.nat(1000), height: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ type: fc.constant('reset' as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), fc.array(fc.nat(5000), { maxLength: 10 }), (actions, probes) => {
      const rows = new RowHeights();
      let model: number[] = [];
      let first = 0;
      for (const each of actions) {
        if (each.type === 'push') {
          for (let i = 0; i < each.count; i++) {
            rows.push(each.height);
            model.push(each.height);
          }
        } else if (each.type === 'drop') {
          const gone = model.splice(0, each.count);
          expect(rows.dropBefore(first + each.count)).toBe(gone.reduce((sum, height) => sum + height, 0));
          first += each.count;
        } else if (each.type === 'truncate') {
          model.length = Math.max(0, model.length - each.count);
          rows.truncate(first + model.length);
        } else if (each.type === 'set' && model.length > 0) {
          const at = each.at % model.length;
          expect(rows.set(first + at, each.height)).toBe(each.height - model[at]!);
          model[at] = each.height;
        } else if (each.type === 'reset') {
          model = model.map((_, i) => ((first + i) % 4) + 1);
          rows.reset((row) => (row % 4) + 1);
        }
        expect([rows.first, rows.end]).toEqual([first, first + model.length]);
      }
      const tops = [0];
      for (const height of model) tops.push(tops.at(-1)! + height);
      expect(rows.total).toBe(tops.at(-1));
      for (const probe of probes) {
        const at = probe % (model.length + 1);
        expect(rows.topOf(first + at)).toBe(tops[at]);
        const y = probe % (rows.total + 1);
        const wanted = model.findIndex((_, i) => tops[i + 1]! > y);
        expect(rows.rowAt(y)).toBe(wanted < 0 ? Math.max(first, first + model.length - 1) : first + wanted);
        if (at < model.length) expect(rows.heightOf(first + at)).toBe(model[at]);
      }
    }),
  );
});
