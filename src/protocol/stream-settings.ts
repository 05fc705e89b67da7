/** Settings of a stream (contract 98): their names on the wire and their allowed values. */

/**
 * Used as query parameters, in the metadata of a stream, and, where a mount has the setting, as parameters of the
 * mount.
 */
export type StreamSettingName =
  | 'ring_buffer_size'
  | 'channel_buffer_size'
  | 'on_lag'
  | 'reader_block'
  | 'atomic'
  | 'type'
  | 'container'
  | 'ttl';

/** Which readers may request the policy `block`. */
export const READER_BLOCK = ['always', 'writers', 'never'] as const;
export type ReaderBlock = (typeof READER_BLOCK)[number];

/** Which units of concurrent writers are never interleaved. */
export const ATOMIC = ['none', 'lines'] as const;
export type Atomic = (typeof ATOMIC)[number];

/** Where readers may begin: at boundaries of the content type, anywhere, or at boundaries of a given format. */
export const CONTAINERS = [
  'auto',
  'none',
  'webm',
  'mp4',
  'ogg',
  'flac',
  'mpeg-ts',
  'mp3',
  'adts',
  'mjpeg',
  'lines',
] as const;
export type Container = (typeof CONTAINERS)[number];
