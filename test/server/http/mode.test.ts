import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMode } from '../../../src/server/http/mode.ts';

describe('a mode written as text', () => {
  it('contract 61: octal as the Go SDK sends it', () => {
    expect(parseMode('755')).toBe(0o755);
    expect(parseMode('644')).toBe(0o644);
    expect(parseMode('0644')).toBe(0o644);
    expect(parseMode('0o600')).toBe(0o600);
    expect(parseMode('1777')).toBe(0o1777);
    expect(parseMode('0')).toBe(0);
  });

  it('contract 61: decimal as pyagfs sends it', () => {
    expect(parseMode('420')).toBe(0o644);
    expect(parseMode('493')).toBe(0o755);
    expect(parseMode('384')).toBe(0o600);
    expect(parseMode('438')).toBe(0o666);
    expect(parseMode('448')).toBe(0o700);
    expect(parseMode('436')).toBe(0o664);
    expect(parseMode('292')).toBe(0o444);
  });

  it('what can be both is octal where that makes sense as permissions', () => {
    expect(parseMode('511')).toBe(0o511);
    expect(parseMode('777')).toBe(0o777);
  });

  it('any three octal digits that give others and group no more than the owner are read as octal', () => {
    const nested = fc
      .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }))
      .map(([owner, group, others]) => [owner, owner & group, owner & group & others].join(''));
    fc.assert(
      fc.property(nested, (text) => {
        expect(parseMode(text)).toBe(Number.parseInt(text, 8));
      }),
    );
  });

  it('a leading zero always means octal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0o7777 }), (mode) => {
        expect(parseMode(`0${mode.toString(8)}`)).toBe(mode);
        expect(parseMode(`0o${mode.toString(8)}`)).toBe(mode);
      }),
    );
  });

  it.each(['', 'rw', '-1', '0x1ff', '8888', '77777', '7.5', ' 644', '0o9'])('%j is refused by name', (text) => {
    expect(() => parseMode(text)).toThrow(/^invalid mode parameter: must be permission bits/);
  });
});
