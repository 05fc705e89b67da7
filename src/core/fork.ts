/**
 * A fork: a stream that begins with the bytes of another one, at the same offsets, up to a fork point. Later appends
 * and evictions of either stream do not affect the other. They share the memory of full slabs, which never changes: see
 * {@link Ring.part}.
 */
import { createError } from '../errors/index.ts';
import type { StreamIdentity, StreamOrigin } from './public.ts';
import { RingStream } from './stream.ts';
import { requireMemoryFor } from './stream-memory.ts';
import type { StreamRules } from './stream-rules.ts';

/** The range of bytes that a fork inherits. Default of `from`: the oldest retained offset. */
export interface ForkRange {
  from?: number | undefined;
  to: number;
}

/**
 * Creates a fork synchronously. Its chunk boundaries are those of the source. It is charged in full for all inherited
 * bytes, shared or not.
 *
 * @throws OFFSET_GONE if the fork point is no longer retained (except 0, which inherits nothing), OFFSET_BEYOND_END if
 * it is beyond the end; MEMORY_LIMIT, before anything is evicted
 */
export function forkStream(
  source: RingStream,
  range: ForkRange,
  { name }: Pick<StreamIdentity, 'name'>,
  rules: StreamRules,
): RingStream {
  const { to } = range;
  const { startOffset, endOffset } = source;
  if (to > endOffset) throw createError('OFFSET_BEYOND_END', { offset: to, end: endOffset }, { end: endOffset });
  if (to < startOffset && to !== 0) throw source.offsetGone(to);
  const from = Math.min(to, Math.max(startOffset, range.from ?? startOffset));
  // Before the fork is charged, because charging may evict from the source.
  const part = source.ring.part(from, to);
  if (rules.budget !== undefined) requireMemoryFor(rules.budget, name, part.memory);
  const fork = new RingStream({ name, firstOffset: from, origin: originOf(source, to) }, rules);
  fork.ring.beginWith(part);
  return fork;
}

/** The origin that a fork records about its source. */
export function originOf({ generation, origin }: RingStream, to: number): StreamOrigin {
  return { generation, to, origin };
}
