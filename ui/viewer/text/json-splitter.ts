/**
 * Splits a stream of JSON into values, one row each, whether a value takes one line or several. Text that is not JSON,
 * such as the rest of a value whose beginning is missing, is shown line by line.
 *
 *     between ──{ or [──► inside ──matching bracket──► between
 *        └──anything else──► line ──line end──► between
 */
import { PLAIN } from './ansi.ts';
import { compactJson } from './json-text.ts';
import { completeLength, type Splitter } from './line-splitter.ts';
import type { LineRow } from './rows.ts';
import { visible } from './visible.ts';

/** Maximum number of bytes kept of one value; a longer one is truncated. */
export const MAX_VALUE_BYTES = 1024 * 1024;

const LF = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

export class JsonSplitter implements Splitter {
  readonly #decoder = new TextDecoder();
  #kept = new Uint8Array(4096);
  #keptBytes = 0;
  #length = 0;
  #offset = 0;
  #receivedAt = 0;
  #state: 'between' | 'inside' | 'line' = 'between';
  #depth = 0;
  #inString = false;
  #isEscaped = false;

  push(offset: number, data: Uint8Array, receivedAt: number): LineRow[] {
    const rows: LineRow[] = [];
    let from = 0;
    for (let at = 0; at < data.length; at++) {
      const byte = data[at]!;
      if (this.#state === 'between') {
        // White space between values belongs to none of them.
        if (byte === 0x20 || byte === 0x09 || byte === LF || byte === 0x0d) continue;
        from = at;
        this.#offset = offset + at;
        this.#receivedAt = receivedAt;
        this.#state = byte === OPEN_BRACE || byte === OPEN_BRACKET ? 'inside' : 'line';
        this.#depth = 0;
        this.#inString = false;
        this.#isEscaped = false;
      }
      if (this.#state === 'line' ? byte === LF : this.#closes(byte)) {
        this.#keep(data.subarray(from, at + 1));
        rows.push(this.#take());
        from = at + 1;
      }
    }
    if (this.#state !== 'between') this.#keep(data.subarray(from));
    return rows;
  }

  partial(): LineRow | undefined {
    return this.#length === 0 ? undefined : this.#row();
  }

  flush(): LineRow[] {
    return this.#length === 0 ? [] : [this.#take()];
  }

  reset(): void {
    this.#keptBytes = 0;
    this.#length = 0;
    this.#state = 'between';
  }

  /** Whether this byte ends the value. */
  #closes(byte: number): boolean {
    if (this.#inString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      // A JSON string never contains a line end: this limits the effect of an unbalanced quote.
      else if (byte === QUOTE || byte === LF) this.#inString = false;
      return false;
    }
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) this.#depth -= 1;
    return this.#depth === 0;
  }

  #keep(part: Uint8Array): void {
    this.#length += part.length;
    const needed = Math.min(this.#keptBytes + part.length, MAX_VALUE_BYTES);
    if (needed > this.#kept.length) {
      const larger = new Uint8Array(Math.min(MAX_VALUE_BYTES, Math.max(needed, this.#kept.length * 2)));
      larger.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = larger;
    }
    this.#kept.set(part.subarray(0, needed - this.#keptBytes), this.#keptBytes);
    this.#keptBytes = needed;
  }

  #take(): LineRow {
    const row = this.#row();
    this.reset();
    return row;
  }

  #row(): LineRow {
    const kept = this.#kept.subarray(0, this.#keptBytes);
    const raw = this.#decoder.decode(kept.subarray(0, completeLength(kept)));
    return {
      kind: 'line',
      offset: this.#offset,
      bytes: this.#length,
      text: visible((compactJson(raw) ?? raw.trimEnd()).replace(/\s*\n\s*/g, ' ')),
      cutBytes: this.#length - this.#keptBytes,
      style: PLAIN,
      receivedAt: this.#receivedAt,
    };
  }
}
