/** The reasons for which a read ends (docs/protocol.md): some mean the end of the stream, the others are errors. */
import { StreamFSClientError } from './errors.ts';
import type { EndReason } from './follow-types.ts';

/** Converts the reason of an end frame. Throws if only the read ended, while its stream goes on. */
export function endReason(reason: string, offset: number): EndReason {
  switch (reason) {
    case 'ended':
    case 'removed':
    case 'expired':
    case 'timeout':
    case 'shutdown':
      return reason;
    case 'too-slow':
      throw refused(
        'READER_TOO_SLOW',
        409,
        `this reader fell too far behind and was disconnected at ${offset}`,
        offset,
      );
    case 'kicked':
      throw refused('READER_KICKED', 403, `an administrator disconnected this reader at offset ${offset}`, offset);
    default:
      throw new StreamFSClientError('protocol', `the server ended the stream for an unknown reason: ${reason}`);
  }
}

function refused(code: string, status: number, message: string, offset: number): StreamFSClientError {
  return new StreamFSClientError('http', message, { status, code, details: { offset } });
}
