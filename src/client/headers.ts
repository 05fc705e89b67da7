/** Numbers in response headers. They are validated, because offsets decide which bytes are lost or repeated. */

import { FRAMES_MEDIA_TYPE, HEADERS } from '../protocol/index.ts';
import { parseInteger } from '../units/index.ts';
import { StreamFSClientError } from './errors.ts';
import type { FetchResponse } from './fetch.ts';

export function isFramed(response: Pick<FetchResponse, 'headers'>): boolean {
  return response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() === FRAMES_MEDIA_TYPE;
}

/**
 * The offset of the first byte to come; undefined if the server does not send it, or CORS rules of a browser hide it.
 */
export function offsetHeader(response: { headers: { get(name: string): string | null } }): number | undefined {
  return integerHeader(response, HEADERS.streamOffset);
}

export function integerHeader(
  response: { headers: { get(name: string): string | null } },
  name: string,
): number | undefined {
  const text = response.headers.get(name);
  if (text === null) return undefined;
  const value = parseInteger(text);
  if (value === undefined) {
    throw new StreamFSClientError('protocol', `the server sent an invalid ${name}: ${text}`);
  }
  return value;
}
