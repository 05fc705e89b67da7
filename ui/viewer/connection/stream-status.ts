/** What the server reports about a stream, to find out whether it has ended, and whether the path has a new generation. */
import { isClientError, type StreamFSClientError } from '../../../src/client/index.ts';
import type { PageClient } from '../../session/page-client.ts';
import { NOT_FOUND_CODES } from './reading.ts';

export interface StreamStatus {
  /** Undefined for a file that is not a stream. */
  generation: string | undefined;
  isOpen: boolean;
  /** The offset of the next byte to be written. */
  end: number;
  /** What its writer reported with the end. */
  endStatus: string | undefined;
}

/**
 * Undefined if there is nothing at the path. A signed link gives access to the content only: then a read that returns
 * at the live end reports the same.
 *
 * @param mayAsk whether the properties of the stream may be requested
 */
export async function streamStatus(
  client: PageClient,
  path: string,
  mayAsk: boolean,
): Promise<StreamStatus | undefined> {
  try {
    return mayAsk ? await byStat(client, path) : await byRead(client, path);
  } catch (error) {
    if (isClientError(error) && NOT_FOUND_CODES.includes(error.code)) return undefined;
    throw error;
  }
}

async function byStat(client: PageClient, path: string): Promise<StreamStatus> {
  const { meta, size } = await client.api.stat(path);
  const { end_status: endStatus, generation, state } = meta.Content ?? {};
  return { generation, isOpen: state === 'open', end: size, endStatus };
}

async function byRead(client: PageClient, path: string): Promise<StreamStatus> {
  const status: StreamStatus = { generation: undefined, isOpen: false, end: 0, endStatus: undefined };
  const records = client.api.follow(path, { from: 'live', timeout: 0, create: false, reconnect: false });
  for await (const record of records) {
    if (record.type === 'open') status.generation = record.generation;
    if (record.type !== 'end') continue;
    status.isOpen = record.reason === 'timeout';
    status.end = record.offset;
    status.endStatus = record.status;
  }
  return status;
}

/** Whether the same request may succeed later. */
export function isTransient({ kind, status }: StreamFSClientError): boolean {
  return kind === 'unreachable' || kind === 'cut' || status >= 500 || status === 429;
}
