/**
 * Shared logs decide the order of appends outside this process, so that several nodes serve the same streams. To write
 * another log: implement {@link Log}, and test it with the suite of streamfsd/logs/contract.
 */
export type {
  Appended,
  Claim,
  Log,
  LogBatch,
  LogChild,
  LogCounters,
  LogEnd,
  LogFollower,
  LogLimits,
  LogOptions,
  LogSink,
  LogState,
  NewStream,
  ProducerPart,
  StreamChange,
  StreamState,
  StreamTerms,
} from './log.ts';
export { MemoryEngine } from './memory/engine.ts';
export { MemoryLog, type MemoryLogOptions } from './memory/log.ts';
export { Wire } from './memory/wire.ts';
export { isLogScheme, LOG_SCHEMES, openLog } from './schemes.ts';
