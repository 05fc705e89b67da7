import { describe, expect, it } from 'vitest';
import { cssColor, PLAIN, parseAnsi, stripAnsi, styleAfter, TRUE_COLOR } from '../../../ui/viewer/text/ansi.ts';

const ESC = '\x1b';

describe('colours of a terminal', () => {
  it.each([
    ['[31m', { foreground: 1 }],
    ['[97;104m', { foreground: 15, background: 12 }],
    ['[38;5;208m', { foreground: 208 }],
    ['[48;5;17;1m', { background: 17, bold: true }],
    ['[38;2;1;2;3m', { foreground: TRUE_COLOR + 0x01_02_03 }],
    ['[38:2:1:2:3m', { foreground: TRUE_COLOR + 0x01_02_03 }],
    ['[38:2::1:2:3m', { foreground: TRUE_COLOR + 0x01_02_03 }],
    ['[38:5:99;4m', { foreground: 99, underline: true }],
    ['[1;2;3;4;7;9m', { bold: true, dim: true, italic: true, underline: true, inverse: true, strike: true }],
    ['[1;31m\x1b[22m', { foreground: 1 }],
    ['[1;31m\x1b[m', {}],
    ['[31m\x1b[39m', {}],
    ['[4m\x1b[4:0m', {}],
  ])('%j is %j', (sequence, style) => {
    const { spans } = parseAnsi(`${ESC}${sequence}text`, PLAIN);
    expect(spans).toHaveLength(1);
    expect(spans[0]!.text).toBe('text');
    expect(JSON.parse(JSON.stringify(spans[0]!.style))).toEqual(style);
  });

  it.each([
    '[38;5;300m',
    '[38m',
    '[999m',
    '[>4;1m',
    '[?25h',
    '[2J',
    '[10;20H',
    '(B',
    ']0;title\x07',
    ']8;;http://x\x1b\\',
    'Pq\x1b\\',
    'c',
    '7',
  ])('a sequence that sets no colour, or a wrong one, changes nothing and does not show: %j', (sequence) => {
    expect(
      parseAnsi(`a${ESC}${sequence}b`, PLAIN)
        .spans.map(({ text }) => text)
        .join(''),
    ).toBe('ab');
    expect(styleAfter(`a${ESC}${sequence}b`, PLAIN)).toEqual({});
    expect(stripAnsi(`a${ESC}${sequence}b`)).toBe('ab');
  });

  it('text that is concealed is dim, since nothing may hide what is in a stream', () => {
    expect(parseAnsi(`${ESC}[8msecret`, PLAIN).spans).toEqual([{ text: 'secret', style: { dim: true } }]);
  });

  it('a sequence that does not end shows, with a sign for the escape', () => {
    for (const rest of ['[31', ']0;title without an end', '']) {
      expect(stripAnsi(`a${ESC}${rest}`)).toBe(`a␛${rest}`);
      expect(parseAnsi(`a${ESC}${rest}`, PLAIN).spans).toEqual([{ text: `a␛${rest}`, style: {} }]);
    }
  });

  it('go on from the style before, and say what the next line begins with', () => {
    const red = styleAfter(`${ESC}[31m`, PLAIN);
    expect(parseAnsi(`a${ESC}[1mb`, red)).toEqual({
      spans: [
        { text: 'a', style: { foreground: 1 } },
        { text: 'b', style: { foreground: 1, bold: true } },
      ],
      style: { foreground: 1, bold: true },
    });
  });

  it('have the values that xterm gives them', () => {
    expect([16, 21, 196, 208, 231, 232, 255].map(cssColor)).toEqual([
      '#000000',
      '#0000ff',
      '#ff0000',
      '#ff8700',
      '#ffffff',
      '#080808',
      '#eeeeee',
    ]);
    expect(cssColor(TRUE_COLOR + 0x0a0b0c)).toBe('#0a0b0c');
  });

  it('take time in proportion to the text, however hostile', () => {
    for (const part of [`${ESC}[`, `${ESC}]`, `${ESC}[38;2;`, `${ESC}${ESC}`, ';'.repeat(100)]) {
      const text = part.repeat(5000);
      expect(typeof stripAnsi(text)).toBe('string');
      expect(parseAnsi(text, PLAIN).spans.length).toBeGreaterThanOrEqual(0);
    }
  });
});
