/** The typed client of a StreamFS server: `streamfsd/client`. It needs only `fetch` from its platform. */

export { FRAMES_MEDIA_TYPE } from '../protocol/index.ts';
export type { BackoffOptions } from './backoff.ts';
export { DEFAULT_URL, type ReadOptions, StreamFSClient, type StreamFSClientOptions } from './client.ts';
export { type ClientErrorCode, type ClientErrorKind, isClientError, StreamFSClientError } from './errors.ts';
export type { FetchBody, FetchFunction, FetchInit, FetchResponse } from './fetch.ts';
export type { EndReason, FollowOptions, FollowRecord } from './follow-types.ts';
export { type Frame, FrameDecoder } from './frames.ts';
export type { HandleReadOptions, HandleReadResult, OpenHandleOptions, StreamFSHandle } from './handle.ts';
export type * from './types.ts';
export type { WriteLoss, WriteOptions, WriteResult, WriteRetry, WriteSource } from './write-types.ts';
