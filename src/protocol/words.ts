/** Words with a fixed meaning in the core, in configurations, on the wire and in the client. */

/** What happens to a reader that falls more than `channel_buffer_size` bytes behind (contract 20). */
export const LAG_POLICIES = ['drop-oldest', 'drop-newest', 'disconnect', 'block'] as const;
export type LagPolicy = (typeof LAG_POLICIES)[number];

/** Why a stream ended: by its writer, by removal, with its server, or because it was unused for too long. */
const END_REASONS = ['ended', 'removed', 'shutdown', 'expired'] as const;
export type EndReason = (typeof END_REASONS)[number];

/**
 * What an acknowledgement of a write to a stream that is kept on disk means: it is in memory, the operating system has
 * it, or it is on the disk.
 */
export type Durability = 'none' | 'written' | 'synced';

/**
 * What a writer may say of how it ended beside the fact that it did, such as `exit 3` (contract 100): short, and of visible
 * ASCII characters with single spaces between them, so that a trailer, a log and a terminal can show it as it is.
 */
const MAX_END_STATUS_BYTES = 128;
const END_STATUS = /^[!-~]+(?: [!-~]+)*$/;

export function isEndStatus(text: string): boolean {
  return text.length <= MAX_END_STATUS_BYTES && END_STATUS.test(text);
}

/** What is wrong with a text for which {@link isEndStatus} is false. */
export const END_STATUS_RULE = `must be 1 to ${MAX_END_STATUS_BYTES} visible ASCII characters, with single spaces between them`;

/** Why a read ended: with its stream, or for a reason of its own. */
export const READ_END_REASONS = [...END_REASONS, 'timeout', 'too-slow', 'closed', 'kicked'] as const;
export type ReadEndReason = (typeof READ_END_REASONS)[number];
