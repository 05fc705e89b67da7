/** Splits a line for display into parts, each of one style, and entirely inside or outside a hit. */
import type { Span, Style } from './ansi.ts';

export interface Segment {
  text: string;
  style: Style;
  isHit: boolean;
}

/** Maximum number of parts; the rest of the line is one part, so that a screen of lines renders fast. */
const MAX_SEGMENTS = 400;

export function segmentsOf(spans: readonly Span[], hits: readonly [from: number, to: number][]): Segment[] {
  const segments: Segment[] = [];
  let begin = 0;
  let hit = 0;
  for (const { text, style } of spans) {
    const end = begin + text.length;
    let at = begin;
    while (at < end) {
      while (hit < hits.length && hits[hit]![1] <= at) hit += 1;
      const next = hits[hit];
      const isHit = next !== undefined && next[0] <= at;
      let until = next === undefined ? end : Math.min(end, isHit ? next[1] : next[0]);
      if (segments.length === MAX_SEGMENTS) until = end;
      segments.push({ text: text.slice(at - begin, until - begin), style, isHit });
      at = until;
    }
    begin = end;
  }
  return segments;
}
