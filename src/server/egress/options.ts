/** How an answer that streams was asked for, and the headers it begins with. */

import type { PluginLogger } from '../../fs/index.ts';
import { COMMON_HEADERS, OCTET_STREAM } from '../../protocol/index.ts';
import type { Encoding } from '../encoding/index.ts';
import { readHeadersFor, sentContentType } from '../http/headers.ts';
import type { Limits } from '../limits/index.ts';

export interface SendOptions {
  /** As it was asked for; see {@link encodingFor}. */
  encoding: Encoding;
  /** Milliseconds of silence after which a heartbeat is sent; 0: never, as where the encoding has none. */
  heartbeat: number;
  /** Milliseconds after which a read that gets nothing ends; undefined: never. */
  timeout: number | undefined;
  /** Milliseconds after which a read ends with what it has got; undefined: never. */
  lifetime?: number | undefined;
  logger: PluginLogger;
  limits: Limits;
}

/** The encoding of bytes with a content type: an encoding that was asked for may have several forms. */
export function encodingFor(encoding: Encoding, type: string = OCTET_STREAM): Encoding {
  return encoding.forms?.forType(type) ?? encoding;
}

/**
 * Headers of every answer that streams (contract 68, 99).
 *
 * @param type the stream's content type, which is that of the answer where the bytes go out as they are
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
