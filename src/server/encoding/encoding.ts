/**
 * The format of a live read on the wire: the bytes that frame or replace those of a stream.
 *
 * The output of an encoding depends only on the stream's bytes and their offsets, never on the reader. So a run is
 * encoded once and sent to all readers at the same offset.
 *
 * To add an encoding: a file next to raw.ts with an object of this type, and a line in index.ts.
 */
import type { GapRecord } from '../../core/index.ts';
import type { BorrowedRun } from '../../core/internal.ts';
import type { ReadEndReason } from '../../protocol/index.ts';

/** What an encoding may know of a stream, in addition to its bytes. */
export interface EncodedStream {
  /** Undefined for content that is not a stream, such as a file. */
  readonly generation: string | undefined;
  /** The current end; undefined if it is unknown. */
  readonly endOffset?: number | undefined;
}

export interface Encoding {
  /** The value of the parameter `format` that selects it, and its kind in the list of readers. */
  readonly name: string;
  /** The `Content-Type` of the response. Except for the default encoding, it can also be requested with `Accept`. */
  readonly mediaType: string;
  /** The longest run that it is usually given, in bytes. Infinity: no limit. */
  readonly maxRunBytes: number;
  /** Maximum number of bytes that `writeHead` writes. */
  readonly maxHeadBytes: number;
  /**
   * Writes the bytes that precede `length` bytes of the stream, which begin at `offset`.
   *
   * @returns how many bytes were written to `target` from `at` on
   */
  writeHead(target: Buffer, at: number, offset: number, length: number, stream: EncodedStream): number;
  /** The bytes that follow each run. */
  readonly tail: Buffer;
  /** How the bytes are transformed. Undefined: they are sent unchanged. */
  readonly body: BodyEncoding | undefined;
  /** Undefined if the encoding can report nothing except the bytes, such as a gap. */
  readonly control: ControlRecords | undefined;
  /** The kinds of message that carry data and control records on a message transport, such as WebSocket. */
  readonly payload: { readonly data: PayloadKind; readonly control: PayloadKind };
  /** Headers of the response, in addition to those of every live read. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The forms of the encoding, of which a read gets one. Absent: this object is the only form. */
  readonly forms?: EncodingForms | undefined;
}

/** The forms of an encoding that depends on the content type. */
interface EncodingForms {
  /** The form for a content type, if none was requested. */
  forType(type: string): Encoding;
  /** The form selected by the parameter `encoding`. */
  readonly text: Encoding;
  readonly base64: Encoding;
  /** The form selected by `lines=true`. */
  readonly lines: Encoding;
}

/** The start of a read. */
interface ReadBeginning {
  /** The reader's cursor. */
  readonly offset: number;
  /** The requested generation, if the stream has been recreated since. */
  readonly recreatedFrom: string | undefined;
}

export type PayloadKind = 'binary' | 'text';

/** A transformation of a stream's bytes that needs only the current run. */
interface BodyEncoding {
  /** Maximum length of the encoded form of the first `length` bytes of a run. */
  maxLength(run: BorrowedRun, length: number, stream: EncodedStream): number;
  /**
   * Encodes the first `length` bytes of a run.
   *
   * @returns how many bytes were written to `target` from `at` on
   */
  encode(target: Buffer, at: number, run: BorrowedRun, length: number, stream: EncodedStream): number;
  /**
   * How many bytes of the run can be encoded before more arrive: an incomplete character or line is held back. Not
   * called if no byte follows. If it returns 0 for a run that is as long as `longestRun` allows, the whole run is
   * encoded.
   */
  usable(run: BorrowedRun, stream: EncodedStream): number;
  /**
   * The longest run that it may be given at `offset`, in bytes, if a unit that must not be divided is longer than
   * `maxRunBytes`. Absent: `maxRunBytes` everywhere.
   */
  longestRun?(offset: number, stream: EncodedStream): number;
}

/** How a read ended. */
export interface ReadSummary {
  readonly reason: ReadEndReason;
  /** The reader's cursor at the end. */
  readonly offset: number;
  /** The result that the writer reported (contract 100). */
  readonly status?: string | undefined;
  /** Bytes lost in gaps since the start of the read. */
  readonly skippedBytes: number;
  /** The minimum time in milliseconds before the peer may reconnect, up to twice that; undefined: no restriction. */
  readonly retryAfterMs?: number | undefined;
}

/** Control records between the data. Undefined if there is nothing to report. */
interface ControlRecords {
  /** The record that every read begins with. */
  begin?(beginning: ReadBeginning, stream: EncodedStream): Buffer | undefined;
  /** The part of the stream's format that is needed to decode the bytes from an offset on. Absent: not sent. */
  header?(bytes: Uint8Array, offset: number, stream: EncodedStream): Buffer | undefined;
  gap(record: GapRecord, stream: EncodedStream): Buffer | undefined;
  caughtUp(offset: number, stream: EncodedStream): Buffer | undefined;
  heartbeat(offset: number, stream: EncodedStream): Buffer | undefined;
  end(summary: ReadSummary, stream: EncodedStream): Buffer | undefined;
  /** The bytes after each run report the live end, so `caughtUp` is sent only for a read without data. */
  readonly isCaughtUpInData?: true | undefined;
}
