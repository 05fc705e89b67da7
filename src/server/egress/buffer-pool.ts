/**
 * Memory in which runs are laid down for many sockets. Long pieces are used again: making a quarter of a megabyte anew
 * for every turn of the event loop would keep the garbage collector busy with nothing else.
 *
 * A buffer is reused when no reader will send it any more and every socket has passed on what it was given of it:
 * the first is the fan-out's to say (`forget`), the second the sinks' (`pin` while bytes wait in a socket, `unpin`
 * after). A socket that goes away with bytes in it never unpins: its piece is left to the collector.
 */

/** Pieces longer than this are used again; shorter ones share a block, which lives until the last of them was sent. */
const POOL_FROM_BYTES = 16 * 1024;
/** The length of memory that is used again, in bytes: the longest run, and what it mostly becomes as lines of an event. */
const POOLED_BYTES = 512 * 1024;
/** The most memory kept for use again: more is in use at once only while many sockets lag. */
const MAX_POOLED_BUFFERS = 8;

const spare: Buffer[] = [];

const BLOCK_BYTES = 64 * 1024;
let block = Buffer.alloc(0);
let blockUsed = 0;

/** Up to `size` bytes of a shared block, for what is short and soon sent. */
export function takeFromBlock(size: number): Buffer {
  if (size > POOL_FROM_BYTES) return Buffer.allocUnsafeSlow(size);
  if (blockUsed + size > block.length) {
    block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    blockUsed = 0;
  }
  const piece = block.subarray(blockUsed, blockUsed + size);
  blockUsed += size;
  return piece;
}

export class PooledBuffer {
  /** What is sent. */
  bytes: Buffer;
  private readonly memory: Buffer | undefined;
  private pins = 0;
  /** No reader will send it any more: only the sockets it waits in keep it. */
  isForgotten = false;

  constructor(size: number) {
    this.memory =
      size > POOL_FROM_BYTES && size <= POOLED_BYTES
        ? (spare.pop() ?? Buffer.allocUnsafeSlow(POOLED_BYTES))
        : undefined;
    this.bytes = this.memory ?? takeFromBlock(size);
  }

  /** Bytes of it wait in a socket. */
  pin(): void {
    this.pins++;
  }

  /** They do no more: the system has them. */
  unpin(): void {
    this.pins--;
    this.reuse();
  }

  /** No reader will send it any more. */
  forget(): void {
    this.isForgotten = true;
    this.reuse();
  }

  private reuse(): void {
    if (this.pins > 0 || !this.isForgotten || this.memory === undefined) return;
    if (spare.length < MAX_POOLED_BUFFERS) spare.push(this.memory);
  }
}
