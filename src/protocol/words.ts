/** Enumerations shared by the core, the configuration, the wire protocol and the client. */

/** What happens to a reader that lags by more than `channel_buffer_size` bytes (contract 20). */
export const LAG_POLICIES = ['drop-oldest', 'drop-newest', 'disconnect', 'block'] as const;
export type LagPolicy = (typeof LAG_POLICIES)[number];

/** Why a stream ended: its writer ended it, it was removed, its server shut down, or it expired unused. */
export const END_REASONS = ['ended', 'removed', 'shutdown', 'expired'] as const;
export type EndReason = (typeof END_REASONS)[number];

/**
 * The meaning of an acknowledged write to a stream on disk: the bytes are in memory, have been written to the operating
 * system, or are synced to disk.
 */
export type Durability = 'none' | 'written' | 'synced';

/**
 * The end status that a writer may give when it ends a stream, such as `exit 3` (contract 100). It is short and
 * consists of visible ASCII characters with single spaces between them, so that trailers, logs and terminals can show
 * it unchanged.
 */
const MAX_END_STATUS_BYTES = 128;
const END_STATUS = /^[!-~]+(?: [!-~]+)*$/;

export function isEndStatus(text: string): boolean {
  return text.length <= MAX_END_STATUS_BYTES && END_STATUS.test(text);
}

/** The error message for a text that {@link isEndStatus} rejects. */
export const END_STATUS_RULE = `must be 1 to ${MAX_END_STATUS_BYTES} visible ASCII characters, with single spaces between them`;

/** Why a read ended: its stream ended, or for a reason that concerns only this read. */
export const READ_END_REASONS = [...END_REASONS, 'timeout', 'too-slow', 'closed', 'kicked'] as const;
export type ReadEndReason = (typeof READ_END_REASONS)[number];
