/** Converts the settings of a stream to query parameters. */
import type { StreamSettings } from './types.ts';

/** The transport omits undefined settings. */
export function settingsQuery(settings: StreamSettings = {}) {
  const { atomic, channelBufferSize, container, onLag, readerBlock, ringBufferSize, ttl, type } = settings;
  return {
    ring_buffer_size: ringBufferSize,
    channel_buffer_size: channelBufferSize,
    on_lag: onLag,
    reader_block: readerBlock,
    atomic,
    type,
    container,
    ttl: ttl === undefined ? undefined : `${ttl}ms`,
  };
}
