/**
 * One stream to many sockets: a run is encoded for the wire once, and all readers at the same offset are sent the same
 * memory.
 *
 *     run (bytes of slabs) ─► [ transfer head │ encoding head │ body │ encoding tail │ transfer tail ] ─► socket, socket, …
 *                               └───────────────── made once, in one buffer ────────────────┘
 *
 * The encoding costs a copy. That pays off if several readers share it, or if the run is short. A long run that needs
 * no transformation is sent from the slabs themselves, with its head before it and its tails after it, in one system
 * call.
 */
import type { Socket } from 'node:net';
import type { Stream } from '../../core/index.ts';
import type { BorrowedRun } from '../../core/internal.ts';
import { type Encoding, sendableLength } from '../encoding/index.ts';
import { PooledBuffer, takeFromBlock } from './buffer-pool.ts';
import type { Transfer } from './transfer.ts';

/** Runs up to this length are copied even for one reader: one write is cheaper than three. */
const COPY_ALWAYS_UP_TO_BYTES = 4 * 1024;
/** Runs up to this length are copied for several readers, longer ones for many. */
const COPY_FOR_SEVERAL_UP_TO_BYTES = 64 * 1024;
/** Number of readers from which a copy costs less than it saves. */
const SEVERAL_READERS = 3;
const MANY_READERS = 8;
/** Number of cached runs: readers that have fallen behind together stand at a few different offsets. */
const REMEMBERED_RUNS = 4;

/** One way of sending a stream, shared by all its readers with the same encoding and transfer. */
export class Fanout {
  readonly encoding: Encoding;
  readonly transfer: Transfer;
  readonly stream: Stream;
  /** The longest run that is sent at once, in bytes. */
  readonly maxRunBytes: number;
  /** Number of sockets that use it. */
  users = 0;
  private readonly runs: (BorrowedRun | undefined)[] = new Array(REMEMBERED_RUNS).fill(undefined);
  private readonly encoded: (PooledBuffer | undefined)[] = new Array(REMEMBERED_RUNS).fill(undefined);
  /** How many bytes of each run are encoded. */
  private readonly lengths: number[] = new Array(REMEMBERED_RUNS).fill(0);
  private newest = 0;
  /** The run last measured, and how much of it could be sent. */
  private measured: BorrowedRun | undefined;
  private measuredLength = 0;
  /** A cached buffer was sent to a reader since the last call of `recent`. */
  private isInUse = false;
  /** The last control record, and its framed form: readers that join together are sent the same record. */
  private record: Buffer | undefined;
  private framed: Buffer | undefined;

  constructor(stream: Stream, encoding: Encoding, transfer: Transfer) {
    this.stream = stream;
    this.encoding = encoding;
    this.transfer = transfer;
    this.maxRunBytes = Math.min(encoding.maxRunBytes, transfer.maxRunBytes);
  }

  /** The kind of its readers in the list of readers. */
  get kind(): string {
    return this.transfer.kind ?? this.encoding.name;
  }

  /**
   * Writes the first `length` bytes of a run to a socket.
   *
   * @returns the buffer that was written, which other readers share; undefined if the run's own memory was sent
   */
  send(socket: Socket, run: BorrowedRun, length: number): PooledBuffer | undefined {
    const at = this.runs.indexOf(run);
    // Bytes of a run that were held back go out once the stream has ended: the run is then encoded again.
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
   * How many bytes of a run can be sent now, since the encoding may hold some back.
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

  /** Writes a whole run from its own memory, for a reader that is unlikely to share it with others. */
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

  /** Writes a control record of the encoding, such as a gap, if there is one. */
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

  /**
   * Writes the header of the stream's format, which is stored elsewhere in the stream, before the bytes at an offset.
   */
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

  /** Writes the transfer's head directly before the payload at `maxHeadBytes`. Returns where the head begins. */
  private writeTransferHead(bytes: Buffer, length: number): number {
    const { encoding, transfer } = this;
    const size = transfer.writeHead(bytes, 0, length, encoding.payload.data);
    const begin = transfer.maxHeadBytes - size;
    if (begin > 0) bytes.copyWithin(begin, 0, size);
    return begin;
  }

  /** A socket no longer uses it; after the last one the cache is cleared. */
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
