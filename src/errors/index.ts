export { createError, isStreamFSError, prefixed, StreamFSError } from './error.ts';
export { fileProblem, shownName } from './file-problem.ts';
export { LimitCounters } from './limit-counters.ts';
export { LIMITS, type LimitName, limitReached } from './limits.ts';
export { hint } from './suggest.ts';
export { ERRORS, type ErrorCode } from './table.ts';
