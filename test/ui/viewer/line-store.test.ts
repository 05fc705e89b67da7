import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Hits } from '../../../ui/viewer/text/hits.ts';
import { LineStore } from '../../../ui/viewer/text/line-store.ts';
import { type Matcher, matcherFor, NO_SEARCH } from '../../../ui/viewer/text/matcher.ts';
import type { LineRow, Row } from '../../../ui/viewer/text/rows.ts';
import { AllRows, FilteredRows, type ShownRows } from '../../../ui/viewer/text/shown-rows.ts';

function line(text: string, offset = 0): LineRow {
  return { kind: 'line', offset, bytes: text.length + 1, text, cutBytes: 0, style: {}, receivedAt: 0 };
}

const gap: Row = { kind: 'gap', from: 100, to: 150, chunks: 2, receivedAt: 0 };

function matcher(text: string): Matcher {
  return matcherFor({ ...NO_SEARCH, text }) as Matcher;
}

describe('the rows that are kept', () => {
  it('are the newest ones, under numbers that do not change', () => {
    const store = new LineStore({ rows: 100, bytes: 1_000_000 });
    for (let i = 0; i < 30_000; i++) {
      store.push(line(`line ${i}`, i * 10));
      if (i % 1000 === 0)
        expect(store.at(Math.max(store.first, i - 50))).toMatchObject({ text: `line ${Math.max(0, i - 50)}` });
    }
    expect([store.first, store.end]).toEqual([29_900, 30_000]);
    expect(store.at(29_900)).toMatchObject({ text: 'line 29900' });
    expect(store.at(29_899)).toBeUndefined();
    expect(store.at(30_000)).toBeUndefined();
  });

  it('are counted as lines where they are lines: not what happened between them, but what is not complete', () => {
    const store = new LineStore({ rows: 4, bytes: 1_000_000 });
    store.push(gap);
    store.push(line('one'));
    expect(store.lines).toBe(1);
    store.partial = line('tw');
    expect(store.lines).toBe(2);
    store.partial = undefined;
    for (let i = 0; i < 4; i++) store.push(line('more'));
    expect([store.lines, store.first]).toEqual([4, 2]);
  });

  it('are as many as the bytes allow, and at least one', () => {
    const store = new LineStore({ rows: 1000, bytes: 10_000 });
    for (let i = 0; i < 100; i++) store.push(line('x'.repeat(900)));
    expect(store.bytes).toBeLessThanOrEqual(10_000);
    expect(store.end - store.first).toBe(10);
    store.push(line('x'.repeat(50_000)));
    expect(store.end - store.first).toBe(1);
  });

  it('count what gaps have taken, also of gaps that are no longer kept', () => {
    const store = new LineStore({ rows: 2, bytes: 10_000 });
    store.push(gap);
    for (let i = 0; i < 5; i++) store.push(line('x'));
    expect(store.lostBytes).toBe(50);
    expect([store.first, store.end]).toEqual([4, 6]);
  });
});

const shown = (rows: ShownRows) => {
  const places: (number | string)[] = [];
  for (let i = rows.first; i < rows.end; i++) {
    const place = rows.at(i);
    places.push(
      place.type === 'hidden' ? `${place.count} hidden` : place.isContext ? `(${place.number})` : place.number,
    );
  }
  return places;
};

describe('a filter', () => {
  it('shows hits with lines around them, where others are left out, and what happened to the stream', () => {
    const store = new LineStore();
    for (const text of ['a', 'b', 'hit', 'c', 'd', 'e', 'f', 'hit', 'hit', 'g']) store.push(line(text));
    store.push(gap);
    store.push(line('z'));
    const rows = new FilteredRows(store, matcher('hit'), 1);
    expect(rows.update()).toBe(true);
    expect(shown(rows)).toEqual(['1 hidden', '(1)', 2, '(3)', '2 hidden', '(6)', 7, 8, '(9)', 10]);
    expect(rows.placeOf(2)).toBe(2);
    expect([4, 5].map((row) => rows.placeOf(row))).toEqual([4, 4]);
    expect(rows.placeOf(10)).toBe(9);
    expect(rows.placeOf(11)).toBe(10);
  });

  it('shows a line that is not complete for as long as it is a hit', () => {
    const store = new LineStore();
    store.push(line('a'));
    store.partial = line('a hit');
    const rows = new FilteredRows(store, matcher('hit'), 0);
    rows.update();
    expect(shown(rows)).toEqual(['1 hidden', 1]);
    store.partial = line('a hi');
    rows.update();
    expect(shown(rows)).toEqual([]);
    store.partial = undefined;
    store.push(line('a hit after all'));
    rows.update();
    expect(shown(rows)).toEqual(['1 hidden', 1]);
  });

  it('gives the same in one go, bit by bit, and with rows dropped meanwhile', () => {
    const text = fc.constantFrom('hit', 'a', 'b', 'c', 'gap');
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 200 }),
        fc.nat(3),
        fc.integer({ min: 1, max: 20 }),
        (texts, context, step) => {
          const [all, few] = [new LineStore(), new LineStore({ rows: 60, bytes: 1e6 })];
          const [bitByBit, dropping] = [
            new FilteredRows(all, matcher('hit'), context),
            new FilteredRows(few, matcher('hit'), context),
          ];
          for (const [i, each] of texts.entries()) {
            for (const store of [all, few]) store.push(each === 'gap' ? gap : line(each));
            if (i % step === 0) for (const rows of [bitByBit, dropping]) rows.update();
          }
          const atOnce = new FilteredRows(all, matcher('hit'), context);
          for (const rows of [atOnce, bitByBit, dropping]) rows.update();
          expect(shown(bitByBit)).toEqual(shown(atOnce));
          const kept = shown(atOnce).filter((place) => typeof place !== 'string' || place.startsWith('('));
          const stillThere = kept.filter((place) => Number(String(place).replace(/\D/g, '')) >= few.first);
          expect(shown(dropping).filter((place) => typeof place !== 'string' || place.startsWith('('))).toEqual(
            stillThere,
          );
        },
      ),
    );
  });

  it('looks at a part of the rows when its time is up, and goes on from there', () => {
    const store = new LineStore();
    for (let i = 0; i < 2000; i++) store.push(line(i % 100 === 0 ? 'hit' : 'no'));
    const rows = new FilteredRows(store, matcher('hit'), 0);
    let rounds = 1;
    while (!rows.update(0)) rounds += 1;
    expect(rounds).toBeGreaterThan(2);
    expect(shown(rows).filter((place) => typeof place === 'number')).toHaveLength(20);
  });
});

it('all rows are the rows of the store and the line that is not complete', () => {
  const store = new LineStore();
  const rows = new AllRows(store);
  store.push(line('a'));
  store.partial = line('b');
  rows.update();
  expect(shown(rows)).toEqual([0, 1]);
  expect(rows.settled).toBe(1);
  expect(rows.placeOf(7)).toBe(2);
});

describe('hits of a search', () => {
  it('are gone through in both directions, from the last to the first', () => {
    const store = new LineStore();
    for (const text of ['hit', 'a', 'hit', 'b', 'hit']) store.push(line(text));
    const hits = new Hits(store, matcher('hit'));
    expect(hits.update()).toBe(true);
    expect(hits.count).toBe(3);
    expect(hits.from(-1, 1)).toBe(0);
    expect(hits.from(0, 1)).toBe(2);
    expect(hits.from(4, 1)).toBe(0);
    expect(hits.from(3, -1)).toBe(2);
    expect(hits.from(0, -1)).toBe(4);
    expect(hits.ordinalOf(2)).toBe(2);
    expect(hits.ordinalOf(3)).toBe(0);
  });

  it('are forgotten with their rows, and found in rows that come', () => {
    const store = new LineStore({ rows: 3, bytes: 1e6 });
    const hits = new Hits(store, matcher('hit'));
    for (let i = 0; i < 10; i++) {
      store.push(line('a hit'));
      hits.update();
    }
    expect(hits.count).toBe(3);
    expect(hits.from(0, 1)).toBe(7);
  });

  it('do not see the sequences of colours', () => {
    const store = new LineStore();
    store.push(line('a\x1b[31mb\x1b[0mc'));
    for (const [text, count] of [
      ['abc', 1],
      ['31m', 0],
    ] as const) {
      const hits = new Hits(store, matcher(text));
      hits.update();
      expect(hits.count).toBe(count);
    }
  });
});
