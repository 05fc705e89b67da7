/** How a stream was requested, and the headers its response begins with. */

import type { PluginLogger } from '../../fs/index.ts';
import { COMMON_HEADERS, OCTET_STREAM } from '../../protocol/index.ts';
import type { Encoding } from '../encoding/index.ts';
import { readHeadersFor, sentContentType } from '../http/headers.ts';
import type { Limits } from '../limits/index.ts';

export interface SendOptions {
  /** The requested encoding; see {@link encodingFor}. */
  encoding: Encoding;
  /** Milliseconds of silence after which a heartbeat is sent; 0: never, also if the encoding has no heartbeat. */
  heartbeat: number;
  /** Milliseconds without data after which a read ends; undefined: never. */
  timeout: number | undefined;
  /** Milliseconds after which a read ends even while data arrives; undefined: never. */
  lifetime?: number | undefined;
  logger: PluginLogger;
  limits: Limits;
}

/** The encoding for a content type: the requested encoding may have several forms. */
export function encodingFor(encoding: Encoding, type: string = OCTET_STREAM): Encoding {
  return encoding.forms?.forType(type) ?? encoding;
}

/**
 * Headers of every streaming response (contract 68, 99).
 *
 * @param type the stream's content type, which the response has if the encoding sends the bytes unchanged
 */
export function streamHeaders({ mediaType, headers }: Encoding, type: string = OCTET_STREAM): Record<string, string> {
  const sent = mediaType === OCTET_STREAM ? sentContentType(type) : mediaType;
  return {
    ...readHeadersFor(sent),
    'Content-Type': sent,
    [COMMON_HEADERS.accelBuffering]: 'no',
    ...headers,
  };
}
