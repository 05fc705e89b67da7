/** The start of a read from a stream that has more on disk than in its ring. */
import type { ReaderStart } from '../../core/index.ts';
import type { RingStream } from '../../core/internal.ts';
import type { OpenStreamOptions } from '../../fs/index.ts';
import { checkedInteger } from '../numbers.ts';

/** The options of a reader that may begin in the part that is only on disk. */
export async function reachingBack(stream: RingStream, options: OpenStreamOptions): Promise<OpenStreamOptions> {
  const { join, reachBack = true, signal, start } = options;
  const { format } = stream;
  if (reachBack && join === 'boundary' && format?.boundaryInHistory !== undefined) {
    const wanted = await wholeStart(stream, start ?? { from: 'earliest' }, signal);
    const offset = wanted < stream.startOffset ? await format.boundaryInHistory(wanted) : wanted;
    return { ...options, reachBack, start: { offset, onExpired: 'skip' } };
  }
  if (!reachBack || start === undefined || !('lastLines' in start)) return { ...options, reachBack };
  const offset = await startOfLines(stream, start.lastLines, signal);
  return { ...options, reachBack, start: { offset, onExpired: 'skip' } };
}

/**
 * The start of a snapshot, which may be only on disk.
 *
 * @throws OFFSET_GONE, OFFSET_BEYOND_END, INVALID_PARAMETER
 */
export async function wholeStart(
  stream: RingStream,
  start: ReaderStart,
  signal: AbortSignal | undefined,
): Promise<number> {
  if ('lastLines' in start) return startOfLines(stream, start.lastLines, signal);
  return stream.startWithHistory(start);
}

function startOfLines(stream: RingStream, count: number, signal: AbortSignal | undefined): Promise<number> {
  return stream.withHistory.startOfLines(checkedInteger('last_lines', count, 0), signal);
}
