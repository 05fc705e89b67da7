/**
 * Memory into which runs are encoded for many sockets. Large buffers are reused: allocating a quarter of a megabyte in
 * every turn of the event loop would keep the garbage collector busy.
 *
 * A buffer is reused when no reader will send it any more and every socket has flushed the bytes it was given. The
 * fan-out reports the first (`forget`), the sinks the second (`pin` while bytes wait in a socket, `unpin` after). A
 * socket that closes with bytes in it never unpins: its buffer is left to the garbage collector.
 */

/** Longer buffers are pooled; shorter ones share a block, which lives until the last of them has been sent. */
const POOL_FROM_BYTES = 16 * 1024;
/** The size of a pooled buffer, in bytes: enough for the longest run, and usually for its event lines. */
const POOLED_BYTES = 512 * 1024;
/** Maximum number of spare buffers: more are in use at once only while many sockets lag. */
const MAX_POOLED_BUFFERS = 8;

const spare: Buffer[] = [];

const BLOCK_BYTES = 64 * 1024;
let block = Buffer.alloc(0);
let blockUsed = 0;

/** Up to `size` bytes of a shared block, for short-lived small buffers. */
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
  /** The bytes to send. */
  bytes: Buffer;
  private readonly memory: Buffer | undefined;
  private pins = 0;
  /** No reader will send it any more: only the sockets in which its bytes wait keep it alive. */
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

  /** The socket has handed the bytes to the system. */
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
