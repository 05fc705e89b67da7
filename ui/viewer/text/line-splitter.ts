/**
 * Lines out of the pieces of a stream, each with its offset and the time it came. A line is decoded when it is whole, so
 * that no character is broken where two pieces meet. The last line, which may go on, is given when it is asked for.
 *
 * A carriage return within a line begins it anew, as progress bars do: what stood before it is not kept, but its colours
 * are. Of a line that is too long the beginning is kept, and how much is not.
 */
import { PLAIN, type Style, styleAfter } from './ansi.ts';
import type { LineRow } from './rows.ts';
import { visible } from './visible.ts';

/** What is kept of one line, in bytes. */
export const MAX_LINE_BYTES = 16 * 1024;

/** A piece is decoded at once, not line by line, up to so many bytes: lines refer to the text they are part of. */
const MAX_BLOCK_BYTES = 64 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/** Cuts bytes into rows: by lines, or by the values of JSON. */
export interface Splitter {
  /** Takes the bytes at `offset`; gives what they complete. `data` is not kept. */
  push(offset: number, data: Uint8Array, receivedAt: number): LineRow[];
  /** What has begun and is not complete. */
  partial(): LineRow | undefined;
  /** The same, as complete as it will be: nothing follows it directly. */
  flush(): LineRow[];
  /** A new stream: colours of the old one do not go on. */
  reset(): void;
}

/** Not named directly: unit tests are compiled with Node's types, where it is a value alone. */
type Decoder = InstanceType<typeof TextDecoder>;

export class LineSplitter implements Splitter {
  readonly #decoder: Decoder;
  /** What is kept of the line that is not complete. */
  readonly #pending = new Uint8Array(MAX_LINE_BYTES);
  #kept = 0;
  /** Its bytes in the stream, and those at its end that are not kept. */
  #length = 0;
  #cut = 0;
  #offset = 0;
  #receivedAt = 0;
  /** The style that the next line begins with, and the one that what is kept begins with. */
  #style: Style = PLAIN;
  #keptStyle: Style = PLAIN;

  /** `charset` is that of the content type; UTF-8 for one in which line ends are not single bytes, or that is not known. */
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

  /** Adds to the line that is not complete. */
  #keep(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#kept + part.length > MAX_LINE_BYTES) part = this.#makeRoom(part);
    const fits = part.subarray(0, MAX_LINE_BYTES - this.#kept);
    this.#pending.set(fits, this.#kept);
    this.#kept += fits.length;
    this.#cut += Math.max(0, bodyLength(part) - fits.length);
  }

  /** Does away with what a carriage return has begun anew; gives what remains of `part`. */
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

  /** The line that was not complete, as it is now. */
  #take(): LineRow {
    const row = this.#pendingRow(this.#cut > 0);
    this.#style = styleAfter(row.text, row.style);
    this.#kept = 0;
    this.#length = 0;
    this.#cut = 0;
    return row;
  }

  /** `isCut`: what is kept may end within a character, whose beginning is left out. */
  #pendingRow(isCut: boolean): LineRow {
    const kept = this.#pending.subarray(0, this.#kept);
    const raw = this.#decoder.decode(isCut ? kept.subarray(0, wholeLength(kept)) : kept);
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

  /** Whole lines. Where each byte is a character they are cut out of one text; this is so for nearly all logs. */
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

/** Bytes of a line, or of a part of one, without the line end. */
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

/** A line as it shows: without its end, from its last carriage return on, with signs for what does not show. */
function shownOf(raw: string, style: Style): { text: string; style: Style } {
  let end = raw.length;
  if (end > 0 && raw.charCodeAt(end - 1) === LF) end -= 1;
  while (end > 0 && raw.charCodeAt(end - 1) === CR) end -= 1;
  const begin = end === 0 ? 0 : raw.lastIndexOf('\r', end - 1) + 1;
  if (begin > 0) style = styleAfter(raw.slice(0, begin), style);
  return { text: visible(begin === 0 && end === raw.length ? raw : raw.slice(begin, end)), style };
}

/** How many of `bytes` are whole characters of UTF-8: a beginning at their end is left out. */
export function wholeLength(bytes: Uint8Array): number {
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
    // Not known to this browser.
  }
  return new TextDecoder('utf-8');
}
