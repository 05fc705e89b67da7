/** How an answer that streams was asked for, and the headers it begins with. */

import type { PluginLogger } from '../../fs/index.ts';
import { COMMON_HEADERS } from '../../protocol/index.ts';
import type { Encoding } from '../encoding/index.ts';
import { READ_HEADERS } from '../http/headers.ts';
import type { Limits } from '../limits/index.ts';

export interface SendOptions {
  encoding: Encoding;
  /** Milliseconds of silence after which a heartbeat is sent; 0: never, as where the encoding has none. */
  heartbeat: number;
  /** Milliseconds after which a read that gets nothing ends; undefined: never. */
  timeout: number | undefined;
  /** Milliseconds after which a read ends whatever it got; undefined: never. */
  lifetime?: number | undefined;
  logger: PluginLogger;
  limits: Limits;
}

/** Headers of every answer that streams (contract 68). */
export function streamHeaders(encoding: Encoding): Record<string, string> {
  return {
    ...READ_HEADERS,
    'Content-Type': encoding.mediaType,
    [COMMON_HEADERS.accelBuffering]: 'no',
  };
}
