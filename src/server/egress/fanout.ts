/**
 * One stream to many sockets: what a run of its bytes looks like on the wire is made once, and all readers that stand at
 * the same place are sent the same memory.
 *
 *     run (bytes of slabs) ─► [ transfer head │ encoding head │ body │ encoding tail │ transfer tail ] ─► socket, socket, …
 *                               └───────────────── made once, in one buffer ────────────────┘
 *
 * That costs a copy. It is worth it when several readers share it, or when it is small. A long run that is sent as it is
 * goes out from the slabs themselves, with its head before it and its tails behind, in one system call.
 */
import type { Socket } from 'node:net';
import type { Stream } from '../../core/index.ts';
import type { BorrowedRun } from '../../core/internal.ts';
import { type Encoding, sendableLength } from '../encoding/index.ts';
import { PooledBuffer, takeFromBlock } from './buffer-pool.ts';
import type { Transfer } from './transfer.ts';

/** Runs up to this length are copied even for one reader: one write is cheaper than three pieces. */
const COPY_ALWAYS_UP_TO_BYTES = 4 * 1024;
/** Runs up to this length are copied for several readers, longer ones for many. */
const COPY_FOR_SEVERAL_UP_TO_BYTES = 64 * 1024;
/** Number of readers from which a copy costs less than it saves. */
const SEVERAL_READERS = 3;
const MANY_READERS = 8;
/** Runs remembered: readers that fell behind a little, together, stand at a few places. */
const REMEMBERED_RUNS = 4;

/** A way of sending a stream: all its readers with the same encoding and transfer share it. */
export class Fanout {
  readonly encoding: Encoding;
  readonly transfer: Transfer;
  readonly stream: Stream;
  /** The longest run that it sends at once, in bytes. */
  readonly maxRunBytes: number;
  /** Sockets that use it now. */
  users = 0;
  private readonly runs: (BorrowedRun | undefined)[] = new Array(REMEMBERED_RUNS).fill(undefined);
  private readonly encoded: (PooledBuffer | undefined)[] = new Array(REMEMBERED_RUNS).fill(undefined);
  /** How many bytes of each run are encoded. */
  private readonly lengths: number[] = new Array(REMEMBERED_RUNS).fill(0);
  private newest = 0;
  /** The run last asked about, and how much of it could be sent. */
  private measured: BorrowedRun | undefined;
  private measuredLength = 0;
  /** A reader was sent one of them since it was last asked. */
  private isInUse = false;
  /** The control record that was written last, and as it went out: readers that come together are told the same. */
  private record: Buffer | undefined;
  private framed: Buffer | undefined;

  constructor(stream: Stream, encoding: Encoding, transfer: Transfer) {
    this.stream = stream;
    this.encoding = encoding;
    this.transfer = transfer;
    this.maxRunBytes = Math.min(encoding.maxRunBytes, transfer.maxRunBytes);
  }

  /** What its readers are called in the list of readers. */
  get kind(): string {
    return this.transfer.kind ?? this.encoding.name;
  }

  /**
   * Writes the first `length` bytes of a run to a socket.
   *
   * @returns the buffer that was written, which others are sent too; undefined: the run's own memory was
   */
  send(socket: Socket, run: BorrowedRun, length: number): PooledBuffer | undefined {
    const at = this.runs.indexOf(run);
    // What was held back of a run goes out with it once its stream has ended: then it is encoded anew.
    const known = at >= 0 && this.lengths[at] === length ? at : -1;
    if (known >= 0 || this.shouldCopy(length)) {
      this.isInUse = true;
      const buffer = known >= 0 ? this.encoded[known]! : this.remember(run, length, this.encode(run, length));
      socket.write(buffer.bytes);
      return buffer;
    }
    this.sendAlone(socket, run);
    return undefined;
  }

  /**
   * How many bytes of a run go out now, where the encoding may hold some back.
   *
   * @param isLast no byte will follow those of the run
   */
  sendableLength(run: BorrowedRun, isLast: boolean): number {
    if (isLast) return run.length;
    if (this.measured !== run) {
      this.measured = run;
      this.measuredLength = sendableLength(this.encoding, run, false, this.stream);
    }
    return this.measuredLength;
  }

  /** Writes a whole run from its own memory: for a reader that is not likely to be at the same place as others. */
  sendAlone(socket: Socket, run: BorrowedRun): void {
    const { encoding, transfer } = this;
    socket.cork();
    socket.write(this.head(run.offset, run.length));
    for (const part of run.parts) socket.write(part);
    if (encoding.tail.length > 0) socket.write(encoding.tail);
    socket.write(transfer.tail);
    socket.uncork();
  }

  private shouldCopy(length: number): boolean {
    const { users } = this;
    return (
      length <= COPY_ALWAYS_UP_TO_BYTES ||
      users >= MANY_READERS ||
      (length <= COPY_FOR_SEVERAL_UP_TO_BYTES && users >= SEVERAL_READERS) ||
      this.encoding.body !== undefined
    );
  }

  private remember(run: BorrowedRun, length: number, buffer: PooledBuffer): PooledBuffer {
    this.newest = (this.newest + 1) % REMEMBERED_RUNS;
    this.encoded[this.newest]?.forget();
    this.runs[this.newest] = run;
    this.lengths[this.newest] = length;
    this.encoded[this.newest] = buffer;
    return buffer;
  }

  /** Writes a whole control record of the encoding, such as a gap, if there is one. */
  sendControl(socket: Socket, record: Buffer | undefined): void {
    if (record === undefined) return;
    if (this.framed === undefined || this.record !== record) {
      this.record = record;
      this.framed = this.frame(record);
    }
    socket.write(this.framed);
  }

  private frame(record: Buffer): Buffer {
    const { encoding, transfer } = this;
    const head = Buffer.allocUnsafe(transfer.maxHeadBytes);
    const size = transfer.writeHead(head, 0, record.length, encoding.payload.control);
    return Buffer.concat([head.subarray(0, size), record, transfer.tail]);
  }

  /** Writes the header of the stream's format, which is not where it lies in the stream: bytes before those at an offset. */
  sendHeader(socket: Socket, header: Uint8Array | undefined, offset: number): void {
    if (header === undefined) return;
    const { control } = this.encoding;
    if (control === undefined) this.sendControl(socket, Buffer.from(header));
    else this.sendControl(socket, control.header?.(header, offset, this.stream));
  }

  private head(offset: number, length: number): Buffer {
    const { encoding, transfer } = this;
    const head = takeFromBlock(transfer.maxHeadBytes + encoding.maxHeadBytes);
    const size = encoding.writeHead(head, transfer.maxHeadBytes, offset, length, this.stream);
    const begin = this.writeTransferHead(head, size + length + encoding.tail.length);
    return head.subarray(begin, transfer.maxHeadBytes + size);
  }

  private encode(run: BorrowedRun, length: number): PooledBuffer {
    const { encoding, transfer } = this;
    const { body } = encoding;
    const room = transfer.maxHeadBytes + encoding.maxHeadBytes + encoding.tail.length + transfer.tail.length;
    const buffer = new PooledBuffer(room + (body === undefined ? length : body.maxLength(run, length, this.stream)));
    const { bytes } = buffer;
    let at = transfer.maxHeadBytes;
    at += encoding.writeHead(bytes, at, run.offset, length, this.stream);
    if (body !== undefined) at += body.encode(bytes, at, run, length, this.stream);
    else {
      for (const part of run.parts) {
        bytes.set(part, at);
        at += part.length;
      }
    }
    if (encoding.tail.length > 0) {
      bytes.set(encoding.tail, at);
      at += encoding.tail.length;
    }
    const begin = this.writeTransferHead(bytes, at - transfer.maxHeadBytes);
    bytes.set(transfer.tail, at);
    buffer.bytes = bytes.subarray(begin, at + transfer.tail.length);
    return buffer;
  }

  /** Writes the transfer's head right before the payload, which begins at `maxHeadBytes`. Gives where it begins. */
  private writeTransferHead(bytes: Buffer, length: number): number {
    const { encoding, transfer } = this;
    const size = transfer.writeHead(bytes, 0, length, encoding.payload.data);
    const begin = transfer.maxHeadBytes - size;
    if (begin > 0) bytes.copyWithin(begin, 0, size);
    return begin;
  }

  /** A socket uses it no more; with the last one nothing is remembered. */
  leave(): void {
    if (--this.users === 0) this.forget();
  }

  recent(): readonly Uint8Array[] {
    if (!this.isInUse) this.forget();
    this.isInUse = false;
    return this.encoded.flatMap((buffer) => (buffer === undefined ? [] : [buffer.bytes]));
  }

  forget(): void {
    for (const buffer of this.encoded) buffer?.forget();
    this.runs.fill(undefined);
    this.encoded.fill(undefined);
    this.measured = undefined;
    this.record = undefined;
    this.framed = undefined;
  }
}

const fanouts = new WeakMap<Stream, Fanout[]>();

/** The fan-out of a stream in an encoding over a transfer; counts the caller as a user. */
export function joinFanout(stream: Stream, encoding: Encoding, transfer: Transfer): Fanout {
  let known = fanouts.get(stream);
  if (known === undefined) {
    known = [];
    fanouts.set(stream, known);
  }
  let fanout = known.find((one) => one.encoding === encoding && one.transfer === transfer);
  if (fanout === undefined) {
    fanout = new Fanout(stream, encoding, transfer);
    known.push(fanout);
  }
  fanout.users++;
  return fanout;
}
