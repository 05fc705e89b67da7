/**
 * Splits content that arrives in pieces into lines. A line is the text before a newline, without the newline and a
 * carriage return before it; an unfinished last line counts, an empty one after the last newline does not.
 *
 * A line longer than {@link MAX_LINE} is truncated, so that a file without newlines takes no more memory than one line.
 */
import { StringDecoder } from 'node:string_decoder';

/** The longest part of a line that is searched and shown, in characters. */
export const MAX_LINE = 64 * 1024;

export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** The lines that `piece` completes. */
  take(piece: Uint8Array): string[] {
    const parts = this.#decoder.write(piece as Buffer).split('\n');
    const last = parts.pop()!;
    if (parts.length > 0) {
      parts[0] = this.#rest + parts[0]!;
      this.#rest = '';
    }
    // One character more than is shown, so that a carriage return at the limit is not taken for the end of the line.
    if (this.#rest.length <= MAX_LINE) this.#rest = (this.#rest + last).slice(0, MAX_LINE + 1);
    return parts.map(finished);
  }

  /** The last line, if the content did not end in a newline. */
  end(): string[] {
    const last = this.#rest + this.#decoder.end();
    this.#rest = '';
    return last === '' ? [] : [finished(last)];
  }
}

function finished(line: string): string {
  return (line.endsWith('\r') ? line.slice(0, -1) : line).slice(0, MAX_LINE);
}
