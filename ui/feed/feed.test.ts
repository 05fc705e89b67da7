import { describe, expect, it } from 'vitest';
import { sparkPath } from '../spark.tsx';
import { EMPTY, extended } from './history.ts';
import { Rates } from './rates.ts';

describe('rates', () => {
  it('are what was added, by the time between; unknown at first, and for another life of the thing', () => {
    const rates = new Rates();
    const look = (time: number, value: number, life = 'one') => {
      const rate = rates.rate('x', life, value, time);
      rates.turn();
      return rate;
    };
    expect(look(1000, 500)).toBeUndefined();
    expect(look(3000, 1500)).toBe(500);
    expect(look(4000, 1500)).toBe(0);
    expect(look(5000, 10)).toBeUndefined();
    expect(look(6000, 20, 'two')).toBeUndefined();
    expect(look(7000, 30, 'two')).toBe(10);
  });

  it('are forgotten with what they are of', () => {
    const rates = new Rates();
    rates.rate('x', 'one', 1, 1000);
    rates.turn();
    rates.turn();
    expect(rates.rate('x', 'one', 2, 2000)).toBeUndefined();
  });
});

describe('the history of a figure', () => {
  it('has a hole where nothing was asked for, which no line is drawn over', () => {
    let history = EMPTY;
    for (const [time, value] of [
      [0, 1],
      [2000, 2],
      [60_000, 3],
      [62_000, 4],
    ] as const) {
      history = extended(history, time, value);
    }
    expect(history.values).toEqual([1, 2, null, 3, 4]);
    expect(sparkPath(history).match(/M/g)).toHaveLength(2);
  });

  it('has a hole where a value is not known, and keeps only the newest', () => {
    let history = EMPTY;
    for (let at = 0; at < 500; at++) history = extended(history, at * 2000, at % 10 === 0 ? undefined : at);
    expect(history.values).toHaveLength(150);
    expect(history.values.at(-1)).toBe(499);
    expect(history.values.filter((value) => value === null)).toHaveLength(15);
    expect(history.times).toHaveLength(history.values.length);
  });
});
