/**
 * The internal interface of the core, for the server and the plugins: sending bytes on without a copy, and state that
 * several streams share. It is not published, and nothing else imports it (test/architecture/layers.test.ts).
 *
 * How long bytes stay unchanged depends on the verb in the function's name:
 *
 * | verb | lifetime | functions |
 * |---|---|---|
 * | borrow | until something is appended to any stream: the memory of an evicted slab is reused | `CursorReader.borrowRun`, which returns a `BorrowedRun`; `Slab.borrow` |
 * | pin | until the pin is released | `CursorReader.pin` of a borrowed run |
 * | retain | for as long as they are referenced: their slab is never reused | `RingStream.retainAt`, `retainParts`, `retainSnapshot`; `Slab.retain`, `Slab.share`; also `CursorReader.peek` and `read` |
 * | copy | the receiver owns the bytes | `RingStream.snapshot`; `append` and `write` copy what they are given; `Slab.copy`, `Slab.copyUpTo` |
 */
import { ledgerOf, type MemoryLedger } from './budget.ts';
import type { MemoryBudget, Reader, Stream } from './public.ts';
import { CursorReader } from './reader.ts';
import { RingStream } from './stream.ts';

/**
 * The implementation of a published stream, reader or budget.
 *
 * @throws TypeError for an object of that shape that the core did not create
 */
export function internalOf(published: Reader): CursorReader;
export function internalOf(published: Stream): RingStream;
export function internalOf(published: MemoryBudget): MemoryLedger;
export function internalOf(published: Reader | Stream | MemoryBudget): CursorReader | RingStream | MemoryLedger {
  if (published instanceof CursorReader || published instanceof RingStream) return published;
  if ('tryTake' in published) return ledgerOf(published);
  const what =
    'openReader' in published ? 'a stream must be made by `new Stream(…)`' : 'a reader must be opened by a stream';
  throw new TypeError(`${what} of streamfsd/core`);
}

export type { MemoryLedger } from './budget.ts';
export { ChunkIndex } from './chunk-index.ts';
export { firstWhere } from './first-where.ts';
export { type ForkRange, forkStream, originOf } from './fork.ts';
export type { Join, StreamFormat } from './format.ts';
export { newGeneration } from './generation.ts';
export { type History, type HistoryBlock, historySlab } from './history.ts';
export { added, emptySet, removed } from './lazy-set.ts';
export { type Attempt, PRODUCER_COST, type ProducerRecord, Producers, producerGap } from './producers.ts';
export { CursorReader } from './reader.ts';
export type { Pin } from './run.ts';
export { MIN_COUNTED_BYTES } from './shared-buffers.ts';
export { expectLogs, slabMemory } from './slab-memory.ts';
export { closedError, RingStream, restartDetails } from './stream.ts';
export type { StreamLog } from './stream-log.ts';
export { costOf as streamCost } from './stream-memory.ts';
export { StreamRules } from './stream-rules.ts';
export type { StreamSum, SummedStream } from './stream-sum.ts';
export type { BorrowedRun } from './types.ts';
export { waitToBeWoken } from './wait.ts';
