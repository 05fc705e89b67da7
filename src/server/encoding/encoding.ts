/**
 * What a live read looks like on the wire: what is put around and in place of the bytes of a stream.
 *
 * Everything an encoding writes depends on the stream's bytes and their offsets only, never on the reader. So what was
 * encoded once is sent to all readers that stand at the same place.
 *
 * To add one: a file beside raw.ts with an object of this type, and its line in index.ts.
 */
import type { GapRecord } from '../../core/index.ts';
import type { BorrowedRun } from '../../core/internal.ts';
import type { ReadEndReason } from '../../protocol/index.ts';

/** What an encoding may say of the stream beside its bytes. */
export interface EncodedStream {
  /** Undefined for a content that is no stream, such as a file. */
  readonly generation: string | undefined;
  /** Where it ends now; undefined where nothing is known of that. */
  readonly endOffset?: number | undefined;
}

export interface Encoding {
  /** The value of the parameter `format` that asks for it, and its kind in the list of readers. */
  readonly name: string;
  /** The `Content-Type` of the answer; asked for by `Accept` as well, but for the default encoding. */
  readonly mediaType: string;
  /** The longest run that it is given as a rule, in bytes. Infinity: as long as the server sends them. */
  readonly maxRunBytes: number;
  /** The most bytes `writeHead` writes. */
  readonly maxHeadBytes: number;
  /**
   * Writes what comes before `length` bytes of the stream that begin at `offset`.
   *
   * @returns how many bytes were written to `target` from `at` on
   */
  writeHead(target: Buffer, at: number, offset: number, length: number, stream: EncodedStream): number;
  /** What comes after each run. */
  readonly tail: Buffer;
  /** How the bytes are transformed. Undefined: they go out as they are. */
  readonly body: BodyEncoding | undefined;
  /** Undefined where the encoding has no way to say anything beside the bytes, such as a gap. */
  readonly control: ControlRecords | undefined;
  /** What a message transport, such as WebSocket, is to carry data and control records as. */
  readonly payload: { readonly data: PayloadKind; readonly control: PayloadKind };
  /** Headers of the answer beside those of every live read. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** It has several forms: which of them a read gets. Absent: this one. */
  readonly forms?: EncodingForms | undefined;
}

/** The forms of an encoding that does not write all bytes alike. */
interface EncodingForms {
  /** The form for streams with a content type, where none was asked for. */
  forType(type: string): Encoding;
  /** The form that the parameter `encoding` asks for. */
  readonly text: Encoding;
  readonly base64: Encoding;
  /** The form that `lines=true` asks for. */
  readonly lines: Encoding;
}

/** Where a read begins. */
interface ReadBeginning {
  /** The reader's cursor. */
  readonly offset: number;
  /** The generation that was asked for, where the stream is another one by now. */
  readonly recreatedFrom: string | undefined;
}

export type PayloadKind = 'binary' | 'text';

/** A transformation of a stream's bytes that needs nothing but the run it is given. */
interface BodyEncoding {
  /** The most bytes that the first `length` bytes of a run can become. */
  maxLength(run: BorrowedRun, length: number, stream: EncodedStream): number;
  /**
   * Encodes the first `length` bytes of a run.
   *
   * @returns how many bytes were written to `target` from `at` on
   */
  encode(target: Buffer, at: number, run: BorrowedRun, length: number, stream: EncodedStream): number;
  /**
   * How many bytes of the run can be encoded before more has come: an incomplete character or line is held back. Not
   * asked where no byte follows. 0 for a run that is as long as `longestRun` says means that it is encoded whole.
   */
  usable(run: BorrowedRun, stream: EncodedStream): number;
  /**
   * The longest run that it may be given at `offset`, in bytes, where something that must not be divided is longer than
   * `maxRunBytes`. Absent: `maxRunBytes` everywhere.
   */
  longestRun?(offset: number, stream: EncodedStream): number;
}

/** How a read ended. */
export interface ReadSummary {
  readonly reason: ReadEndReason;
  /** The reader's cursor at the end. */
  readonly offset: number;
  /** What the writer said of how it ended (contract 100). */
  readonly status?: string | undefined;
  /** Bytes lost in gaps, from the start of the read on. */
  readonly skippedBytes: number;
  /** After how many milliseconds the peer may come back, up to twice that; undefined: when it likes. */
  readonly retryAfterMs?: number | undefined;
}

/** Whole records beside the data. Undefined where there is nothing to say. */
interface ControlRecords {
  /** What every read begins with. */
  begin?(beginning: ReadBeginning, stream: EncodedStream): Buffer | undefined;
  /** What must be known of the stream's format to understand the bytes from an offset on. Absent: it is not told. */
  header?(bytes: Uint8Array, offset: number, stream: EncodedStream): Buffer | undefined;
  gap(record: GapRecord, stream: EncodedStream): Buffer | undefined;
  caughtUp(offset: number, stream: EncodedStream): Buffer | undefined;
  heartbeat(offset: number, stream: EncodedStream): Buffer | undefined;
  end(summary: ReadSummary, stream: EncodedStream): Buffer | undefined;
  /** What stands behind each run says whether the run reached the live end: `caughtUp` is for a read without data. */
  readonly isCaughtUpInData?: true | undefined;
}
