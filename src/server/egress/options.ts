/** How an answer that streams was asked for, and the headers it begins with. */
import type { PluginLogger } from '../../fs/index.ts';
import { READ_HEADERS } from '../http/headers.ts';
import type { Bounds } from '../limits/index.ts';
import { frameEncoding, rawEncoding } from './encoding.ts';

export interface SendOptions {
  format: 'raw' | 'frames';
  /** Milliseconds of silence after which a frame says that the server is there; 0: never, as with raw bytes. */
  heartbeat: number;
  /** Milliseconds after which a read that gets nothing ends; undefined: never. */
  timeout: number | undefined;
  logger: PluginLogger;
  bounds: Bounds;
}

/** Headers of every answer that streams (contract 68). */
export function streamHeaders(format: SendOptions['format']): Record<string, string> {
  return {
    ...READ_HEADERS,
    'Content-Type': (format === 'frames' ? frameEncoding : rawEncoding).contentType,
    'X-Accel-Buffering': 'no',
  };
}
