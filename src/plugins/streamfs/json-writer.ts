/**
 * Writes the bodies of other protocols to a JSON stream: only whole messages, each a line, reach the stream. The start
 * of a line is held until its end arrives; an unfinished last line is completed.
 */
import type { FileWriter } from '../../fs/index.ts';
import { requireJsonLines } from './json-text.ts';
import { completeLastLine } from './line-cutter.ts';
import { type WholeLinesOptions, WholeLinesWriter } from './whole-lines.ts';

/**
 * Prepares bytes that are written at once: whole lines, the last completed.
 *
 * @throws JSON_LINES_ONLY
 */
export function completeJsonLines(data: Uint8Array): Uint8Array {
  requireJsonLines(data);
  return completeLastLine(data);
}

/** The same for a body that arrives in pieces. */
export class JsonLinesWriter extends WholeLinesWriter {
  constructor(inner: FileWriter, options: Pick<WholeLinesOptions, 'max' | 'memory'>) {
    super(inner, { ...options, check: requireJsonLines });
  }
}
