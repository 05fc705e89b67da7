/** The rows of a text view: lines of the stream, and notices of events between them. */
import type { Style } from './ansi.ts';

export type Row = LineRow | GapRow | NoticeRow;

export interface LineRow {
  kind: 'line';
  /** Offset of its first byte in the stream. */
  offset: number;
  /** Length in the stream in bytes, including the line end. */
  bytes: number;
  /** The kept text, with its colours, without its line end. */
  text: string;
  /** Number of bytes at its end that were not kept, because it is too long. */
  cutBytes: number;
  /** The style it begins with. */
  style: Style;
  /** When its first byte arrived at this page, by the local clock: milliseconds since 1970. */
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
  /** Earlier bytes were not requested, or are no longer retained. */
  | { type: 'starts'; offset: number; isGone: boolean }
  | { type: 'reconnected'; offset: number }
  | { type: 'recreated'; lastOffset: number }
  | { type: 'ended'; offset: number; reason: string; status?: string | undefined };
