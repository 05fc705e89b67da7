/** The responses that a route declares. The OpenAPI document is generated from them (server/openapi). */
import type { ErrorCode } from '../../errors/index.ts';
import {
  EVENT_STREAM_MEDIA_TYPE,
  FRAMES_MEDIA_TYPE,
  HEADERS,
  type HeaderName,
  JSON_MEDIA_TYPE,
} from '../../protocol/index.ts';

/** The names of JSON response schemas in the OpenAPI document. */
export type ShapeName =
  | 'Message'
  | 'FileInfo'
  | 'FileList'
  | 'Target'
  | 'Digest'
  | 'Matches'
  | 'Handle'
  | 'HandleList'
  | 'HandleWrite'
  | 'Position'
  | 'Link'
  | 'ReaderList'
  | 'MountList'
  | 'PluginList'
  | 'Service'
  | 'Health'
  | 'ServerStats'
  | 'Version'
  | 'Features'
  | 'PathCapabilities'
  | 'OpenApi';

/** A body, by media type: JSON with one of several schemas, or bytes. */
type Content = Readonly<Record<string, ShapeName | readonly ShapeName[] | 'bytes' | 'text'>>;

export interface RouteResponse {
  readonly status: number;
  readonly description: string;
  /** Absent: the response has no body. */
  readonly content?: Content | undefined;
  readonly headers?: readonly HeaderName[] | undefined;
}

export function json(status: number, shape: ShapeName, description: string): RouteResponse {
  return { status, description, content: { [JSON_MEDIA_TYPE]: shape } };
}

/** `{"message": text}`. */
export function message(status: number, text: string, headers?: readonly HeaderName[]): RouteResponse {
  return { status, description: `\`${text}\``, content: { [JSON_MEDIA_TYPE]: 'Message' }, headers };
}

/** A live read, or any other response with the bytes of a path: unchanged, under the stream's content type. */
export const BYTES: Content = { '*/*': 'bytes' };

export const LIVE: Content = { ...BYTES, [FRAMES_MEDIA_TYPE]: 'bytes', [EVENT_STREAM_MEDIA_TYPE]: 'text' };

/** Headers of a read that begins at a position in a stream. */
export const PLACE: readonly HeaderName[] = [HEADERS.streamOffset, HEADERS.streamGeneration];

// The errors of each kind of operation. The errors that every request can get are added to them.

export const CREATION_ERRORS: readonly ErrorCode[] = [
  ...(['STREAM_LIMIT', 'STREAM_SETTINGS_DIFFER', 'SETTINGS_NOT_SUPPORTED', 'STREAM_NAME_TAKEN'] as const),
  ...([
    'FILE_EXISTS',
    'DIRECTORY_EXISTS',
    'STREAM_EXISTS',
    'STORAGE_FULL',
    'FILE_TOO_LARGE',
    'STREAM_SHUT_DOWN',
  ] as const),
];

export const START_ERRORS: readonly ErrorCode[] = ['OFFSET_GONE', 'OFFSET_BEYOND_END', 'STREAM_RECREATED'];

export const READ_ERRORS: readonly ErrorCode[] = [
  ...START_ERRORS,
  ...(['BLOCK_REFUSED', 'READER_LIMIT', 'STREAM_READER_LIMIT', 'STREAM_LIMIT', 'STREAM_NAME_TAKEN'] as const),
  ...(['USE_STREAM_MODE', 'DEVICE_HAS_NO_END', 'INVALID_LAST_EVENT_ID', 'STREAM_SHUT_DOWN'] as const),
];

export const APPEND_ERRORS: readonly ErrorCode[] = [
  ...CREATION_ERRORS,
  ...(['BODY_TOO_LARGE', 'STREAM_CLOSED', 'STREAM_FULL', 'STREAM_RECREATED', 'JSON_LINES_ONLY'] as const),
  ...(['WRITER_CLOSED', 'APPEND_TOO_LARGE'] as const),
];

export const PRODUCER_ERRORS: readonly ErrorCode[] = [
  ...(['PRODUCER_HEADERS', 'PRODUCER_EPOCH_START', 'PRODUCER_FENCED', 'PRODUCER_GAP'] as const),
  ...(['PRODUCER_SUPERSEDED', 'PRODUCER_MISMATCH', 'PRODUCERS_NOT_SUPPORTED'] as const),
];
