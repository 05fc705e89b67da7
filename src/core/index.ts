/** The core: streams, readers, retention. It knows no HTTP, no files and no logging. */
export { Reader } from './reader.ts';
export { Stream, type StreamObserver, type StreamOptions, type StreamStats } from './stream.ts';
export * from './types.ts';
export { waitToBeWoken } from './wait.ts';
