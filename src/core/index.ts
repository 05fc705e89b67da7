export { MemoryBudget, type MemoryHolder, MIN_BUDGET } from './budget.ts';
export { forkStream } from './fork.ts';
export { type AppendId, type Attempt, Producers, type ProducersOptions, producerGap } from './producers.ts';
export { Reader } from './reader.ts';
/** The core: streams, readers, retention. It knows no HTTP, no files and no logging. */
export type { Pin } from './run.ts';
export { COUNTED_FROM, SharedBuffers } from './shared-buffers.ts';
export { closedError, lifeDetails, Stream } from './stream.ts';
export type {
  StreamIdentity,
  StreamObserver,
  StreamOptions,
  StreamOrigin,
  StreamRulesOptions,
  StreamStats,
} from './stream-options.ts';
export { StreamRules } from './stream-rules.ts';
export * from './types.ts';
export { waitToBeWoken } from './wait.ts';
