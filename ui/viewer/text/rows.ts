/** What a view of text is made of: lines of the stream, and what happened between them. */
import type { Style } from './ansi.ts';

export type Row = LineRow | GapRow | NoticeRow;

export interface LineRow {
  kind: 'line';
  /** Of its first byte in the stream. */
  offset: number;
  /** Bytes in the stream, the line end included. */
  bytes: number;
  /** What is kept of it, with its colours, without its line end. */
  text: string;
  /** Bytes at its end that are not kept, as it is too long. */
  cutBytes: number;
  /** The style it begins with. */
  style: Style;
  /** When its first byte came to this page, by its clock: milliseconds since 1970. */
  receivedAt: number;
}

/** Bytes that this reader has lost. */
export interface GapRow {
  kind: 'gap';
  from: number;
  to: number;
  chunks: number;
  receivedAt: number;
}

interface NoticeRow {
  kind: 'notice';
  notice: Notice;
  receivedAt: number;
}

export type Notice =
  /** What is before it was not asked for, or is not retained any more. */
  | { type: 'starts'; offset: number; isGone: boolean }
  | { type: 'reconnected'; offset: number }
  | { type: 'recreated'; lastOffset: number; generation: string }
  | { type: 'ended'; offset: number; reason: string; status?: string | undefined };
