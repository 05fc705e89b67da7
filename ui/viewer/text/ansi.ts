/**
 * Colours and weights of terminal text: SGR sequences, with 16, 256 and 24-bit colours. All other sequences are
 * removed: a line of a log has no cursor. No text can be hidden: "concealed" is shown as dim.
 */

/** An index of the palette of 256, or {@link TRUE_COLOR} and 24 bits of red, green and blue. */
export type Color = number;

export const TRUE_COLOR = 0x1_00_00_00;

export interface Style {
  readonly foreground?: Color | undefined;
  readonly background?: Color | undefined;
  readonly bold?: boolean | undefined;
  readonly dim?: boolean | undefined;
  readonly italic?: boolean | undefined;
  readonly underline?: boolean | undefined;
  readonly inverse?: boolean | undefined;
  readonly strike?: boolean | undefined;
}

export const PLAIN: Style = Object.freeze({});

export interface Span {
  text: string;
  style: Style;
}

const ESCAPE = '\x1b';

/** CSI sequences; strings (OSC, DCS, PM, APC, SOS) up to their terminator; escapes of two and three characters. */
const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences consist of them
  /\x1b(?:\[([0-9:;<=>?]*)[ -/]*([@-~])|[\]PX^_][^\x07\x1b]{0,2048}(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\`-~])/g;

/** The parts of `text` in their styles, and the style that the next line begins with. */
export function parseAnsi(text: string, style: Style): { spans: Span[]; style: Style } {
  if (!text.includes(ESCAPE)) return { spans: text === '' ? [] : [{ text, style }], style };
  const spans: Span[] = [];
  let at = 0;
  const add = (part: string) => {
    if (part === '') return;
    const last = spans.at(-1);
    // An incomplete sequence is shown, with a symbol for the escape.
    const shown = part.replaceAll(ESCAPE, '␛');
    if (last !== undefined && last.style === style) last.text += shown;
    else spans.push({ text: shown, style });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    add(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === 'm') style = applySgr(style, match[1]!);
  }
  add(text.slice(at));
  return { spans, style };
}

/** The style after `text`, without splitting it. */
export function styleAfter(text: string, style: Style): Style {
  if (!text.includes(ESCAPE)) return style;
  for (const match of text.matchAll(SEQUENCE)) if (match[2] === 'm') style = applySgr(style, match[1]!);
  return style;
}

/** The displayed text, without sequences. */
export function stripAnsi(text: string): string {
  return text.includes(ESCAPE) ? text.replace(SEQUENCE, '').replaceAll(ESCAPE, '␛') : text;
}

/** Applies the parameters of an SGR sequence to `style`; unknown ones are ignored. */
function applySgr(style: Style, parameters: string): Style {
  // A private sequence such as `ESC [ > 4 m` has another meaning.
  if (/[<=>?]/.test(parameters)) return style;
  const parts = parameters.split(';');
  let next = style;
  for (let i = 0; i < parts.length; i++) {
    const [head, ...sub] = parts[i]!.split(':');
    const code = Number(head);
    if (code === 38 || code === 48) {
      // With colons all parameters are one part, which may have an empty colour space before red; with semicolons they
      // are separate parts.
      let color: Color | undefined;
      if (sub.length > 0) {
        color = colorOf(sub[0] === '2' && sub.length > 4 ? [sub[0], ...sub.slice(2)] : sub);
      } else {
        const rest = parts.slice(i + 1, i + 5);
        color = colorOf(rest);
        i += rest[0] === '2' ? 4 : 2;
      }
      if (color !== undefined) next = { ...next, [code === 38 ? 'foreground' : 'background']: color };
      continue;
    }
    next = code === 4 && sub[0] === '0' ? { ...next, underline: undefined } : applyCode(next, code);
  }
  return isPlain(next) ? PLAIN : next;
}

function applyCode(style: Style, code: number): Style {
  switch (code) {
    case 0:
      return PLAIN;
    case 1:
      return { ...style, bold: true };
    case 2:
    case 8:
      return { ...style, dim: true };
    case 3:
      return { ...style, italic: true };
    case 4:
    case 21:
      return { ...style, underline: true };
    case 7:
      return { ...style, inverse: true };
    case 9:
      return { ...style, strike: true };
    case 22:
      return { ...style, bold: undefined, dim: undefined };
    case 23:
      return { ...style, italic: undefined };
    case 24:
      return { ...style, underline: undefined };
    case 27:
      return { ...style, inverse: undefined };
    case 28:
      return { ...style, dim: undefined };
    case 29:
      return { ...style, strike: undefined };
    case 39:
      return { ...style, foreground: undefined };
    case 49:
      return { ...style, background: undefined };
  }
  if (code >= 30 && code <= 37) return { ...style, foreground: code - 30 };
  if (code >= 40 && code <= 47) return { ...style, background: code - 40 };
  if (code >= 90 && code <= 97) return { ...style, foreground: code - 82 };
  if (code >= 100 && code <= 107) return { ...style, background: code - 92 };
  return style;
}

/** `5;n` or `2;r;g;b`. */
function colorOf(parts: readonly (string | undefined)[]): Color | undefined {
  const byte = (text: string | undefined) => {
    const value = Number(text || 0);
    return Number.isInteger(value) && value >= 0 && value <= 255 ? value : undefined;
  };
  if (parts[0] === '5') return byte(parts[1]);
  if (parts[0] !== '2') return undefined;
  const [red, green, blue] = [byte(parts[1]), byte(parts[2]), byte(parts[3])];
  if (red === undefined || green === undefined || blue === undefined) return undefined;
  return TRUE_COLOR + (red << 16) + (green << 8) + blue;
}

function isPlain(style: Style): boolean {
  return Object.values(style).every((value) => value === undefined);
}

const CUBE = [0, 95, 135, 175, 215, 255];

/** A colour beyond the first 16 of the palette as `#rrggbb`. The first 16 are defined by the theme. */
export function cssColor(color: Color): string {
  return `#${rgbOf(color).toString(16).padStart(6, '0')}`;
}

/** Whether black has more contrast on it than white. */
export function isLight(color: Color): boolean {
  const rgb = rgbOf(color);
  return 0.299 * (rgb >> 16) + 0.587 * ((rgb >> 8) & 0xff) + 0.114 * (rgb & 0xff) > 140;
}

function rgbOf(color: Color): number {
  if (color >= TRUE_COLOR) return color - TRUE_COLOR;
  if (color >= 232) return (8 + (color - 232) * 10) * 0x01_01_01;
  const cell = color - 16;
  return (CUBE[Math.floor(cell / 36)]! << 16) + (CUBE[Math.floor(cell / 6) % 6]! << 8) + CUBE[cell % 6]!;
}
