/**
 * The core: streams, readers, retention. It does not depend on HTTP, files or logging.
 *
 * This is the published part. internal.ts exports the rest, for the server and the plugins.
 *
 * Bytes passed to a stream are copied. Bytes returned by a reader stay unchanged for as long as they are referenced; do
 * not write to them.
 */
import { MemoryLedger } from './budget.ts';
import type { MemoryBudget as MemoryBudgetInterface, Stream as StreamInterface, StreamOptions } from './public.ts';
import { RingStream } from './stream.ts';

// Interfaces, because the generated API pages do not expand aliases.
export interface Stream extends StreamInterface {}

/**
 * Creates a stream.
 *
 * @throws RangeError for an invalid size or time, INVALID_PARAMETER for an invalid policy or offset, MEMORY_LIMIT if
 * the budget has no room for another stream
 */
export const Stream: new (options: StreamOptions) => Stream = RingStream;

export interface MemoryBudget extends MemoryBudgetInterface {}

/**
 * Creates a budget.
 *
 * @throws RangeError for a limit below {@link MIN_BUDGET}, unless it is 0 (no limit)
 */
export const MemoryBudget: new (limit: number) => MemoryBudget = MemoryLedger;

export { MIN_BUDGET } from './budget.ts';
export type { AppendId } from './producers.ts';
export type {
  Reader,
  SharedBuffers,
  StreamIdentity,
  StreamObserver,
  StreamOptions,
  StreamOrigin,
  StreamRulesOptions,
  StreamStats,
} from './public.ts';
export {
  type CaughtUpRecord,
  type DataRecord,
  type EndReason,
  type EndRecord,
  type GapRecord,
  LAG_POLICIES,
  type LagPolicy,
  MAX_CHUNK,
  MAX_OFFSET,
  type ReaderOptions,
  type ReaderStart,
  type ReadOptions,
  type ReadRecord,
} from './types.ts';
