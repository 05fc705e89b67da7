/**
 * The core: streams, readers, retention. It knows no HTTP, no files and no logging.
 *
 * This is what is published. What the server and the plugins need beside it is in internal.ts.
 *
 * Bytes that a stream is given are copied; bytes that a reader gives stay as they are for as long as they are referred to,
 * and are to be read only.
 */
import { MemoryLedger } from './budget.ts';
import type { MemoryBudget as MemoryBudgetInterface, Stream as StreamInterface, StreamOptions } from './public.ts';
import { RingStream } from './stream.ts';

// Interfaces rather than aliases, which the pages made from the types would not look into.
export interface Stream extends StreamInterface {}

/**
 * Makes a stream.
 *
 * @throws RangeError for sizes and times that are none, INVALID_PARAMETER for what is no policy or no offset, MEMORY_LIMIT
 * where its budget has no room for one more stream
 */
export const Stream: new (options: StreamOptions) => Stream = RingStream;

export interface MemoryBudget extends MemoryBudgetInterface {}

/**
 * Makes a budget.
 *
 * @throws RangeError for a limit other than 0 (no bound) that is below {@link MIN_BUDGET}
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
