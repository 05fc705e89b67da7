/**
 * Splits the pieces of a stream into lines, each with its offset and the time it arrived. A line is decoded when it is
 * complete, so that no character is broken between two pieces. The incomplete last line is available on request.
 *
 * A carriage return within a line restarts it, as progress bars do: the text before it is dropped, but its colours
 * remain in effect. Of a line that is too long the beginning is kept, and the number of dropped bytes.
 */
import { PLAIN, type Style, styleAfter } from './ansi.ts';
import type { LineRow } from './rows.ts';
import { visible } from './visible.ts';

/** Maximum number of bytes kept of one line. */
export const MAX_LINE_BYTES = 16 * 1024;

/**
 * Up to this many bytes are decoded at once, rather than line by line: lines are substrings that keep this text in
 * memory.
 */
const MAX_BLOCK_BYTES = 64 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/** Splits bytes into rows: by lines, or by JSON values. */
export interface Splitter {
  /** Adds the bytes at `offset`; returns the rows that they complete. `data` is not retained. */
  push(offset: number, data: Uint8Array, receivedAt: number): LineRow[];
  /** The incomplete row. */
  partial(): LineRow | undefined;
  /** Completes the incomplete row: no bytes follow it directly. */
  flush(): LineRow[];
  /** A new stream: the colours of the old one end. */
  reset(): void;
}

/** Not the type itself: unit tests are compiled with Node's types, in which TextDecoder is only a value. */
type Decoder = InstanceType<typeof TextDecoder>;

export class LineSplitter implements Splitter {
  readonly #decoder: Decoder;
  /** The kept bytes of the incomplete line. */
  readonly #pending = new Uint8Array(MAX_LINE_BYTES);
  #kept = 0;
  /** Its length in the stream, and the number of bytes at its end that were not kept. */
  #length = 0;
  #cut = 0;
  #offset = 0;
  #receivedAt = 0;
  /** The style at the beginning of the next line, and the one at the beginning of the kept bytes. */
  #style: Style = PLAIN;
  #keptStyle: Style = PLAIN;

  /**
   * `charset` is that of the content type; UTF-8 is used if it is unknown, or if its line ends are not single bytes.
   */
  constructor(charset = 'utf-8') {
    this.#decoder = decoderFor(charset);
  }

  push(offset: number, data: Uint8Array, receivedAt: number): LineRow[] {
    const rows: LineRow[] = [];
    let at = 0;
    if (this.#length > 0) {
      const end = data.indexOf(LF);
      this.#keep(end < 0 ? data : data.subarray(0, end + 1));
      if (end < 0) return rows;
      rows.push(this.#take());
      at = end + 1;
    }
    const lastEnd = data.lastIndexOf(LF);
    while (at <= lastEnd) {
      // Up to the last line end within a block, or the first one after it.
      let end = lastEnd;
      if (end - at >= MAX_BLOCK_BYTES) {
        end = data.lastIndexOf(LF, at + MAX_BLOCK_BYTES - 1);
        if (end < at) end = data.indexOf(LF, at);
      }
      this.#block(data.subarray(at, end + 1), offset + at, receivedAt, rows);
      at = end + 1;
    }
    if (at < data.length) {
      this.#offset = offset + at;
      this.#receivedAt = receivedAt;
      this.#keptStyle = this.#style;
      this.#keep(data.subarray(at));
    }
    return rows;
  }

  partial(): LineRow | undefined {
    return this.#length === 0 ? undefined : this.#pendingRow(true);
  }

  flush(): LineRow[] {
    return this.#length === 0 ? [] : [this.#take()];
  }

  reset(): void {
    this.#kept = 0;
    this.#length = 0;
    this.#cut = 0;
    this.#style = PLAIN;
  }

  /** Adds bytes to the incomplete line. */
  #keep(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#kept + part.length > MAX_LINE_BYTES) part = this.#makeRoom(part);
    const fits = part.subarray(0, MAX_LINE_BYTES - this.#kept);
    this.#pending.set(fits, this.#kept);
    this.#kept += fits.length;
    this.#cut += Math.max(0, bodyLength(part) - fits.length);
  }

  /** Drops text before a carriage return; returns the rest of `part`. */
  #makeRoom(part: Uint8Array): Uint8Array {
    const inPart = lastReturn(part, bodyLength(part));
    if (inPart >= 0) {
      this.#keptStyle = styleAfter(this.#decoder.decode(this.#pending.subarray(0, this.#kept)), this.#keptStyle);
      this.#keptStyle = styleAfter(this.#decoder.decode(part.subarray(0, inPart)), this.#keptStyle);
      this.#kept = 0;
      this.#cut = 0;
      return part.subarray(inPart + 1);
    }
    const inKept = lastReturn(this.#pending, this.#kept);
    if (inKept >= 0 && bodyLength(part) > 0 && this.#cut === 0) {
      this.#keptStyle = styleAfter(this.#decoder.decode(this.#pending.subarray(0, inKept)), this.#keptStyle);
      this.#pending.copyWithin(0, inKept + 1, this.#kept);
      this.#kept -= inKept + 1;
    }
    return part;
  }

  /** Takes the incomplete line, as it is now. */
  #take(): LineRow {
    const row = this.#pendingRow(this.#cut > 0);
    this.#style = styleAfter(row.text, row.style);
    this.#kept = 0;
    this.#length = 0;
    this.#cut = 0;
    return row;
  }

  /** `isCut`: the kept bytes may end within a character, whose beginning is then dropped. */
  #pendingRow(isCut: boolean): LineRow {
    const kept = this.#pending.subarray(0, this.#kept);
    const raw = this.#decoder.decode(isCut ? kept.subarray(0, completeLength(kept)) : kept);
    const { text, style } = shownOf(raw, this.#keptStyle);
    return {
      kind: 'line',
      offset: this.#offset,
      bytes: this.#length,
      text,
      cutBytes: this.#cut,
      style,
      receivedAt: this.#receivedAt,
    };
  }

  /** Complete lines. If each byte is one character, lines are substrings of one decoded text, as in nearly all logs. */
  #block(bytes: Uint8Array, offset: number, receivedAt: number, rows: LineRow[]): void {
    const decoded = bytes.length <= MAX_BLOCK_BYTES ? this.#decoder.decode(bytes) : '';
    const isOneToOne = decoded.length === bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.indexOf(LF, at) + 1 - at;
      if (length > MAX_LINE_BYTES) {
        this.#offset = offset + at;
        this.#receivedAt = receivedAt;
        this.#keptStyle = this.#style;
        this.#keep(bytes.subarray(at, at + length));
        rows.push(this.#take());
      } else {
        const raw = isOneToOne ? decoded.slice(at, at + length) : this.#decoder.decode(bytes.subarray(at, at + length));
        const { text, style } = shownOf(raw, this.#style);
        rows.push({ kind: 'line', offset: offset + at, bytes: length, text, cutBytes: 0, style, receivedAt });
        this.#style = styleAfter(text, style);
      }
      at += length;
    }
  }
}

/** The length of a line, or of a part of one, without the line end. */
function bodyLength(part: Uint8Array): number {
  let length = part.length;
  if (length > 0 && part[length - 1] === LF) length -= 1;
  if (length > 0 && part[length - 1] === CR) length -= 1;
  return length;
}

/** The last carriage return among the first `length` bytes. */
function lastReturn(bytes: Uint8Array, length: number): number {
  return length === 0 ? -1 : bytes.lastIndexOf(CR, length - 1);
}

/** The displayed line: without its end, from its last carriage return, with symbols for invisible characters. */
function shownOf(raw: string, style: Style): { text: string; style: Style } {
  let end = raw.length;
  if (end > 0 && raw.charCodeAt(end - 1) === LF) end -= 1;
  while (end > 0 && raw.charCodeAt(end - 1) === CR) end -= 1;
  const begin = end === 0 ? 0 : raw.lastIndexOf('\r', end - 1) + 1;
  if (begin > 0) style = styleAfter(raw.slice(0, begin), style);
  return { text: visible(begin === 0 && end === raw.length ? raw : raw.slice(begin, end)), style };
}

/** The length without an incomplete UTF-8 character at the end. */
export function completeLength(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}

function decoderFor(charset: string): Decoder {
  try {
    if (!/^utf-16/i.test(charset)) return new TextDecoder(charset);
  } catch {
    // Not supported by this browser.
  }
  return new TextDecoder('utf-8');
}
