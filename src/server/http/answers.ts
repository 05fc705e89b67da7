/** What a route may answer with, as its description says it. The document of the API is made from it (server/openapi). */
import type { ErrorCode } from '../../errors/index.ts';
import {
  EVENT_STREAM_MEDIA_TYPE,
  FRAMES_MEDIA_TYPE,
  HEADERS,
  type HeaderName,
  JSON_MEDIA_TYPE,
} from '../../protocol/index.ts';

/** The shapes of JSON answers, by their names in the document. */
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

/** What a body is, by its media type: JSON of a shape or one of several, or bytes. */
type Content = Readonly<Record<string, ShapeName | readonly ShapeName[] | 'bytes' | 'text'>>;

export interface RouteAnswer {
  readonly status: number;
  readonly description: string;
  /** Absent: there is no body. */
  readonly content?: Content | undefined;
  readonly headers?: readonly HeaderName[] | undefined;
}

export function json(status: number, shape: ShapeName, description: string): RouteAnswer {
  return { status, description, content: { [JSON_MEDIA_TYPE]: shape } };
}

/** `{"message": text}`. */
export function message(status: number, text: string, headers?: readonly HeaderName[]): RouteAnswer {
  return { status, description: `\`${text}\``, content: { [JSON_MEDIA_TYPE]: 'Message' }, headers };
}

/** A live read, or what else the bytes of a path are answered with: as they are, under the stream's content type, which may be any. */
export const BYTES: Content = { '*/*': 'bytes' };

export const LIVE: Content = { ...BYTES, [FRAMES_MEDIA_TYPE]: 'bytes', [EVENT_STREAM_MEDIA_TYPE]: 'text' };

/** Of a read that goes on from where a stream was found. */
export const PLACE: readonly HeaderName[] = [HEADERS.streamOffset, HEADERS.streamGeneration];

// What may be refused, for each kind of thing that a route does. What any request may be refused for is added to it.

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
