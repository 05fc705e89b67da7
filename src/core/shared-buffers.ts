/**
 * Memory that several holders share and that is charged once: a file and the answers sent from it, a snapshot and all
 * answers of the same snapshot. It is released with its last holder: a peer that has stopped reading keeps the memory of
 * a file after the file was removed.
 */
import { createError } from '../errors/index.ts';
import type { SharedBuffers } from './public.ts';

/** Smaller memory costs more to count than it is worth: the connection is charged for it. */
export const COUNTED_FROM = 8 * 1024;

/** What memory is taken from. */
interface Account {
  readonly limit: number;
  tryTake(bytes: number): boolean;
  give(bytes: number): void;
}

export class ChargedBuffers implements SharedBuffers {
  private readonly account: Account;
  /** How many have each buffer. */
  private readonly holders = new Map<ArrayBufferLike, number>();

  constructor(account: Account) {
    this.account = account;
  }

  /** Takes over memory that its owner has been charged for, and has. */
  adopt({ buffer }: Uint8Array): void {
    this.holders.set(buffer, 1);
  }

  /** Charges for the memory behind `data` until {@link release}, once for all holders. @throws MEMORY_LIMIT */
  hold({ buffer }: Uint8Array): void {
    const holders = this.holders.get(buffer) ?? 0;
    if (holders === 0) {
      if (buffer.byteLength < COUNTED_FROM) return;
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
