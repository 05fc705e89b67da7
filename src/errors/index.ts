export { fail, isStreamFSError, prefixed, StreamFSError } from './error.ts';
export { ERRORS, type ErrorCode } from './table.ts';
