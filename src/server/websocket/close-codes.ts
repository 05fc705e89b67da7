/** Close codes of ends and errors, for programs that look only at the code. The record before it has the details. */
import type { StreamFSError } from '../../errors/index.ts';
import { CLOSE_CODES, type ReadEndReason } from '../../protocol/index.ts';

const C = CLOSE_CODES;

const OF_REASONS: Readonly<Record<ReadEndReason, number>> = {
  ended: C.normal,
  removed: C.normal,
  expired: C.normal,
  timeout: C.normal,
  closed: C.normal,
  shutdown: C.goingAway,
  kicked: C.policy,
  'too-slow': C.tryAgainLater,
};

export function closeCodeOf(reason: ReadEndReason): number {
  return OF_REASONS[reason];
}

/** The close code for an error that HTTP would report as a status. */
export function closeCodeOfError({ code, status }: StreamFSError): number {
  if (code === 'UNAUTHORIZED' || code === 'FORBIDDEN' || code === 'LINK_INVALID' || code === 'LINK_EXPIRED')
    return C.policy;
  if (code === 'SHUTTING_DOWN' || code === 'STREAM_SHUT_DOWN') return C.goingAway;
  if (status === 503 || status === 429) return C.tryAgainLater;
  return status === 500 ? C.internalError : C.status + status;
}
