import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modeOfNumber, parseMode } from '../../src/units/index.ts';

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

  it('an ambiguous mode is octal if that makes sense as permissions', () => {
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

  it('contract 61: drops the kind of file, in octal as agfs-fuse sends it', () => {
    expect(parseMode('100644')).toBe(0o644);
    expect(parseMode('40755')).toBe(0o755);
    expect(parseMode('0100600')).toBe(0o600);
    expect(parseMode('040700')).toBe(0o700);
    expect(parseMode('0o100755')).toBe(0o755);
    expect(parseMode('41777')).toBe(0o1777);
    expect(parseMode('104755')).toBe(0o4755);
    expect(parseMode('120777')).toBe(0o777);
  });

  it('contract 61: drops the kind of file in decimal, as st_mode is printed, also where its digits could be octal', () => {
    expect(parseMode('33188')).toBe(0o644);
    expect(parseMode('16877')).toBe(0o755);
    expect(parseMode('33261')).toBe(0o755);
    expect(parseMode('33152')).toBe(0o600);
    expect(parseMode('33206')).toBe(0o666);
    expect(parseMode('16704')).toBe(0o500);
    expect(parseMode('033188')).toBe(0o644);
  });

  /** Permissions that make sense: others may do what the group may, and the group what the owner may. */
  const sensible = fc
    .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }))
    .map(([owner, group, others]) => owner * 64 + (owner & group) * 8 + (owner & group & others));

  it('contract 61: any sensible mode of a file or a directory means the same in octal and in decimal', () => {
    fc.assert(
      fc.property(
        sensible,
        fc.constantFrom(0o100000, 0o40000),
        fc.constantFrom('', '0', '0o'),
        (mode, type, prefix) => {
          expect(parseMode(prefix + (type | mode).toString(8))).toBe(mode);
          expect(parseMode(String(type | mode))).toBe(mode);
          expect(modeOfNumber(type | mode)).toBe(mode);
          expect(modeOfNumber(Number((type | mode).toString(8)))).toBe(mode);
        },
      ),
    );
  });

  it('contract 61: any sensible mode alone is read right from decimal, unless the digits make sense as octal', () => {
    fc.assert(
      fc.property(sensible, (mode) => {
        const asOctal = Number.parseInt(String(mode), 8);
        const isBoth =
          /^[0-7]+$/.test(String(mode)) && parseMode(`0o${mode}`) === asOctal && parseMode(String(mode)) === asOctal;
        if (!isBoth) expect(parseMode(String(mode))).toBe(mode);
      }),
    );
  });

  it('contract 61: a number in JSON is the number it is, of a file of any kind', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0o7777 }),
        fc.constantFrom(0, 0o10000, 0o40000, 0o100000, 0o140000),
        (mode, type) => {
          expect(modeOfNumber(type | mode)).toBe(mode);
        },
      ),
    );
    for (const wrong of [-1, 1.5, 0o200000, Number.NaN, 1e20]) {
      expect(() => modeOfNumber(wrong)).toThrow(/^invalid mode parameter: must be permission bits/);
    }
  });

  it('a leading zero always means octal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0o7777 }), (mode) => {
        expect(parseMode(`0${mode.toString(8)}`)).toBe(mode);
        expect(parseMode(`0o${mode.toString(8)}`)).toBe(mode);
      }),
    );
  });

  it.each([
    '',
    'rw',
    '-1',
    '0x1ff',
    '8888',
    '77777',
    '7.5',
    ' 644',
    '0o9',
    '0o',
    '200000',
    '4294967296',
    '1'.repeat(20),
  ])('%j is refused by name', (text) => {
    expect(() => parseMode(text)).toThrow(/^invalid mode parameter: must be permission bits/);
  });
});
