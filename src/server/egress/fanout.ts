/**
 * One stream to many sockets: what a run of its bytes looks like on the wire is laid down once, and all readers that
 * stand at the same place are sent the same memory.
 *
 *     run (bytes of slabs) ──► [ transfer head │ encoding head │ bytes │ transfer tail ]  ──► socket, socket, …
 *                                └──────────── laid down once, in a block ───────────┘
 *
 * Laying down costs a copy. It is worth it when several readers share it, or when it is small; a long run is sent from
 * the slabs themselves, with its head before it and its tail behind, in one system call.
 */
import type { Socket } from 'node:net';
import type { RunRecord, Stream } from '../../core/index.ts';
import { Laid, takeFromBlock } from './buffer-pool.ts';
import type { Encoding } from './encoding.ts';
import type { Transfer } from './transfer.ts';

/** Runs up to this length are laid down even for one reader: one write is cheaper than three pieces. */
const ALWAYS_LAID = 4 * 1024;
/** Runs up to this length are laid down for several readers, longer ones for many. */
const LAID_FOR_SEVERAL = 64 * 1024;
/** From so many readers on a copy costs less than it saves. */
const SEVERAL = 3;
const MANY = 8;
/** Runs remembered: readers that fell behind a little, together, stand at a few places. */
const REMEMBERED = 4;

/** A way of sending a stream: all its readers with the same encoding and transfer share it. */
export class Fanout {
  readonly encoding: Encoding;
  readonly transfer: Transfer;
  /** Sockets that use it now. */
  users = 0;
  private readonly runs: (RunRecord | undefined)[] = new Array(REMEMBERED).fill(undefined);
  private readonly laid: (Laid | undefined)[] = new Array(REMEMBERED).fill(undefined);
  private newest = 0;
  /** Somebody was sent one of them since it was last asked. */
  private isInUse = false;

  constructor(encoding: Encoding, transfer: Transfer) {
    this.encoding = encoding;
    this.transfer = transfer;
  }

  /** Writes one run to a socket: as the piece given, which others are sent too, or undefined: from its own memory. */
  send(socket: Socket, run: RunRecord): Laid | undefined {
    const known = this.runs.indexOf(run);
    if (known >= 0 || this.isLaid(run.length)) {
      this.isInUse = true;
      const laid = known >= 0 ? this.laid[known]! : this.remember(run, this.layDown(run));
      socket.write(laid.bytes);
      return laid;
    }
    this.sendAlone(socket, run);
    return undefined;
  }

  /** Writes one run from its own memory: for who is not likely to be at the same place as others. */
  sendAlone(socket: Socket, run: RunRecord): void {
    socket.cork();
    socket.write(this.head(run.offset, run.length));
    for (const part of run.parts) socket.write(part);
    socket.write(this.transfer.tail);
    socket.uncork();
  }

  private isLaid(length: number): boolean {
    const { users } = this;
    return length <= ALWAYS_LAID || users >= MANY || (length <= LAID_FOR_SEVERAL && users >= SEVERAL);
  }

  private remember(run: RunRecord, laid: Laid): Laid {
    this.newest = (this.newest + 1) % REMEMBERED;
    this.laid[this.newest]?.forget();
    this.runs[this.newest] = run;
    this.laid[this.newest] = laid;
    return laid;
  }

  /** Writes a whole record of the encoding, such as a gap. */
  sendControl(socket: Socket, record: Buffer | undefined): void {
    if (record === undefined) return;
    const head = Buffer.allocUnsafe(this.transfer.maxHead);
    const size = this.transfer.writeHead(head, 0, record.length);
    socket.write(Buffer.concat([head.subarray(0, size), record, this.transfer.tail]));
  }

  private head(offset: number, length: number): Buffer {
    const { encoding, transfer } = this;
    const head = takeFromBlock(transfer.maxHead + encoding.headSize);
    const size = transfer.writeHead(head, 0, encoding.headSize + length);
    encoding.writeHead(head, size, offset, length);
    return head.subarray(0, size + encoding.headSize);
  }

  private layDown(run: RunRecord): Laid {
    const { encoding, transfer } = this;
    const laid = new Laid(transfer.maxHead + encoding.headSize + run.length + transfer.tail.length);
    const { bytes } = laid;
    let at = transfer.writeHead(bytes, 0, encoding.headSize + run.length);
    encoding.writeHead(bytes, at, run.offset, run.length);
    at += encoding.headSize;
    for (const part of run.parts) {
      bytes.set(part, at);
      at += part.length;
    }
    bytes.set(transfer.tail, at);
    laid.bytes = bytes.subarray(0, at + transfer.tail.length);
    return laid;
  }

  /** A socket uses it no more; with the last one nothing is remembered. */
  leave(): void {
    if (--this.users === 0) this.forget();
  }

  recent(): readonly Uint8Array[] {
    if (!this.isInUse) this.forget();
    this.isInUse = false;
    return this.laid.flatMap((laid) => (laid === undefined ? [] : [laid.bytes]));
  }

  forget(): void {
    for (const laid of this.laid) laid?.forget();
    this.runs.fill(undefined);
    this.laid.fill(undefined);
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
    fanout = new Fanout(encoding, transfer);
    known.push(fanout);
  }
  fanout.users++;
  return fanout;
}
