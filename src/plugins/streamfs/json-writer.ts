/**
 * Bodies of other protocols into a stream of JSON: only whole messages reach it, each a line. The beginning of a line waits
 * here for its end; a body that ends without a newline has its last line completed.
 */
import type { FileWriter } from '../../fs/index.ts';
import { requireJsonLines } from './json-text.ts';
import { completeLastLine } from './line-cutter.ts';
import { type WholeLinesOptions, WholeLinesWriter } from './whole-lines.ts';

/** Bytes that are written at once: whole lines, the last completed. @throws JSON_LINES_ONLY */
export function completeJsonLines(data: Uint8Array): Uint8Array {
  requireJsonLines(data);
  return completeLastLine(data);
}

/** The same for a body that comes in pieces. */
export class JsonLinesWriter extends WholeLinesWriter {
  constructor(inner: FileWriter, options: Pick<WholeLinesOptions, 'max' | 'memory'>) {
    super(inner, { ...options, check: requireJsonLines });
  }
}
