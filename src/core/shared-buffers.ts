/**
 * Memory that several holders share and that is charged once, such as a file and the responses sent from it, or all
 * responses of one snapshot. It is released with its last holder: a peer that has stopped reading keeps the memory of a
 * file alive after the file was removed.
 */
import { createError } from '../errors/index.ts';
import type { SharedBuffers } from './public.ts';

/**
 * Smaller buffers are not counted, because counting costs more than it is worth: they are charged to the connection.
 */
export const MIN_COUNTED_BYTES = 8 * 1024;

/** The budget that memory is charged to. */
interface Account {
  readonly limit: number;
  tryTake(bytes: number): boolean;
  give(bytes: number): void;
}

export class ChargedBuffers implements SharedBuffers {
  private readonly account: Account;
  /** The number of holders of each buffer. */
  private readonly holders = new Map<ArrayBufferLike, number>();

  constructor(account: Account) {
    this.account = account;
  }

  /** Registers memory that its owner holds and has already been charged for. */
  adopt({ buffer }: Uint8Array): void {
    this.holders.set(buffer, 1);
  }

  /**
   * Charges for the memory of `data` until {@link release}, once for all holders.
   *
   * @throws MEMORY_LIMIT
   */
  hold({ buffer }: Uint8Array): void {
    const holders = this.holders.get(buffer) ?? 0;
    if (holders === 0) {
      if (buffer.byteLength < MIN_COUNTED_BYTES) return;
      if (!this.account.tryTake(buffer.byteLength)) {
        const max = this.account.limit;
        throw createError('MEMORY_LIMIT', { max }, { limit: 'memory', max });
      }
    }
    this.holders.set(buffer, holders + 1);
  }

  release({ buffer }: Uint8Array): void {
    const holders = this.holders.get(buffer);
    if (holders === undefined) return;
    if (holders > 1) {
      this.holders.set(buffer, holders - 1);
      return;
    }
    this.holders.delete(buffer);
    this.account.give(buffer.byteLength);
  }
}
