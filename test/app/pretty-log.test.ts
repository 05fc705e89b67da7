import { describe, expect, it } from 'vitest';
import { prettyLine } from '../../src/app/pretty-log.ts';

const time = new Date(2026, 0, 2, 3, 4, 5, 6).toISOString();
const line = (facts: object, colour = false) => prettyLine(JSON.stringify({ level: 'info', time, ...facts }), colour);

describe('the log for people', () => {
  it('has time, level and message, then the facts, in quotes where they need some', () => {
    const facts = { url: 'http://127.0.0.1:8080', count: 3, text: 'two words', list: ['a'], none: null };
    expect(line({ ...facts, msg: 'listening' })).toBe(
      '03:04:05.006 INFO  listening url=http://127.0.0.1:8080 count=3 text="two words" list=["a"] none=null\n',
    );
  });

  it('puts a stack below its line', () => {
    expect(line({ level: 'error', error: 'Error: oh\n    at here', msg: 'request failed' })).toBe(
      '03:04:05.006 ERROR request failed\n  Error: oh\n      at here\n',
    );
  });

  it('has nothing in it that a terminal would obey', () => {
    const nasty = '\u001b[2J\u009b1m\r\u0007';
    const text = line({ path: nasty, stack: `${nasty}\n${nasty}`, msg: nasty });
    expect([...text].filter((letter) => letter !== '\n' && /\p{Cc}/u.test(letter))).toEqual([]);
    expect(text.split('\n')).toHaveLength(4);
  });

  it('colours the level, and only that', () => {
    expect(line({ level: 'warn', msg: 'x' }, true)).toBe('03:04:05.006 \u001b[33mWARN \u001b[39m x\n');
  });
});
