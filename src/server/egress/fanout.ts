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
import type { Encoding } from './encoding.ts';
import type { Transfer } from './transfer.ts';

/** Runs up to this length are laid down even for one reader: one write is cheaper than three pieces. */
const ALWAYS_LAID = 4 * 1024;
/** Runs up to this length are laid down for several readers. */
const LAID_FOR_MANY = 64 * 1024;
/** From so many readers on a copy costs less than it saves. */
const MANY = 3;
/** Runs remembered: readers that fell behind a little, together, stand at a few places. */
const REMEMBERED = 4;

/** Memory for what is laid down; small pieces share a block, which lives until the last of them was sent. */
const BLOCK = 64 * 1024;
let block = Buffer.alloc(0);
let blockUsed = 0;

function takeFromBlock(size: number): Buffer {
  if (size > BLOCK / 4) return Buffer.allocUnsafeSlow(size);
  if (blockUsed + size > block.length) {
    block = Buffer.allocUnsafeSlow(BLOCK);
    blockUsed = 0;
  }
  const piece = block.subarray(blockUsed, blockUsed + size);
  blockUsed += size;
  return piece;
}

/** A way of sending a stream: all its readers with the same encoding and transfer share it. */
export class Fanout {
  readonly encoding: Encoding;
  readonly transfer: Transfer;
  /** Sockets that use it now. */
  users = 0;
  private readonly runs: (RunRecord | undefined)[] = new Array(REMEMBERED).fill(undefined);
  private readonly laid: (Buffer | undefined)[] = new Array(REMEMBERED).fill(undefined);
  private newest = 0;

  constructor(encoding: Encoding, transfer: Transfer) {
    this.encoding = encoding;
    this.transfer = transfer;
  }

  /** Writes one run to a socket. Whether a copy was sent, rather than the run's own memory. */
  send(socket: Socket, run: RunRecord): boolean {
    const { length } = run;
    const known = this.runs.indexOf(run);
    if (known >= 0) socket.write(this.laid[known]!);
    else if (length <= ALWAYS_LAID || (length <= LAID_FOR_MANY && this.users >= MANY)) {
      socket.write(this.remember(run, this.layDown(run)));
    } else {
      socket.cork();
      socket.write(this.head(run.offset, length));
      for (const part of run.parts) socket.write(part);
      socket.write(this.transfer.tail);
      socket.uncork();
      return false;
    }
    return true;
  }

  private remember(run: RunRecord, laid: Buffer): Buffer {
    this.newest = (this.newest + 1) % REMEMBERED;
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

  private layDown(run: RunRecord): Buffer {
    const { encoding, transfer } = this;
    const laid = takeFromBlock(transfer.maxHead + encoding.headSize + run.length + transfer.tail.length);
    let at = transfer.writeHead(laid, 0, encoding.headSize + run.length);
    encoding.writeHead(laid, at, run.offset, run.length);
    at += encoding.headSize;
    for (const part of run.parts) {
      laid.set(part, at);
      at += part.length;
    }
    laid.set(transfer.tail, at);
    return laid.subarray(0, at + transfer.tail.length);
  }

  /** A socket uses it no more; with the last one nothing is remembered. */
  leave(): void {
    if (--this.users > 0) return;
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
