/**
 * A fork: a stream that begins with the bytes of another, up to a fork point, at the same offsets. What either of the two
 * appends or evicts from then on does not affect the other, although they share the memory of full slabs, which never
 * changes: see {@link Ring.part}.
 */
import { createError } from '../errors/index.ts';
import type { StreamIdentity, StreamOrigin } from './public.ts';
import { RingStream } from './stream.ts';
import { requireMemoryFor } from './stream-memory.ts';
import type { StreamRules } from './stream-rules.ts';

/** What a fork begins with: the bytes from one offset to another. Default: from the oldest that is retained. */
export interface ForkRange {
  from?: number | undefined;
  to: number;
}

/**
 * Makes a fork, at once. It has the chunks of its source, so that an offset that is the end of a chunk in one is so in the
 * other. It is charged in full for all it begins with, shared or not.
 *
 * @throws OFFSET_GONE where the fork point is no longer retained (but for 0, which needs nothing), OFFSET_BEYOND_END
 * where it is not reached yet; MEMORY_LIMIT, and nothing has been evicted then
 */
export function forkStream(
  source: RingStream,
  range: ForkRange,
  identity: StreamIdentity,
  rules: StreamRules,
): RingStream {
  const { to } = range;
  const { startOffset, endOffset } = source;
  if (to > endOffset) throw createError('OFFSET_BEYOND_END', { offset: to, end: endOffset }, { end: endOffset });
  if (to < startOffset && to !== 0) throw source.offsetGone(to);
  const from = Math.min(to, Math.max(startOffset, range.from ?? startOffset));
  // Before the fork is charged for: that may evict from the source.
  const part = source.ring.part(from, to);
  if (rules.budget !== undefined) requireMemoryFor(rules.budget, identity.name, part.memory);
  const fork = new RingStream({ name: identity.name, firstOffset: from, origin: originOf(source, to) }, rules);
  fork.ring.beginWith(part);
  return fork;
}

/** What a fork knows of its source. */
export function originOf({ generation, origin }: RingStream, to: number): StreamOrigin {
  return { generation, to, origin };
}
