/**
 * A fork: a stream that begins with the bytes of another, up to a fork point, at the same offsets. They are copied: what
 * either of the two appends, loses or forgets from then on concerns the other no more.
 */
import { createError, limitReached } from '../errors/index.ts';
import type { StreamIdentity } from './public.ts';
import { RingStream } from './stream.ts';
import type { StreamRules } from './stream-rules.ts';

/** What is copied: the bytes from one offset to another. Default: from the oldest that is retained. */
export interface ForkRange {
  from?: number | undefined;
  to: number;
}

/**
 * Makes a fork. It has the chunks of its source, so that an offset that is the end of a chunk in one is so in the other.
 *
 * @throws OFFSET_GONE where the fork point is no longer retained (but for 0, which needs nothing), OFFSET_BEYOND_END
 * where it is not reached yet; MEMORY_LIMIT
 */
export function forkStream(
  source: RingStream,
  range: ForkRange,
  identity: StreamIdentity,
  rules: StreamRules,
): RingStream {
  const { to } = range;
  const { startOffset, endOffset, generation, origin } = source;
  if (to > endOffset) throw createError('OFFSET_BEYOND_END', { offset: to, end: endOffset }, { end: endOffset });
  if (to < startOffset && to !== 0) throw source.offsetGone(to);
  const from = Math.min(to, Math.max(startOffset, range.from ?? startOffset));
  const fork = new RingStream({ name: identity.name, firstOffset: from, origin: { generation, to, origin } }, rules);
  for (let at = from; at < to; ) {
    if (at < source.startOffset) {
      // The copy took so much memory that history of its source was evicted.
      fork.end('removed');
      throw limitReached('MEMORY_LIMIT', 'memory', rules.budget?.limit ?? 0);
    }
    const end = Math.min(to, source.chunkEnd(at));
    const parts = source.retainParts(at, end);
    fork.append(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
    at = end;
  }
  return fork;
}
