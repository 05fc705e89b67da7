/**
 * Writes a file into a stream part by part: over HTTP/1.1 a browser cannot stream a request body. Each part is applied
 * exactly once, even across a cut, and only to the stream that received the first one.
 */
import type { StreamFSClient, WriteResult } from '../../src/client/index.ts';

const PART_BYTES = 2 * 1024 * 1024;

/** How many milliseconds of consecutive failures are tolerated. */
const RETRY_FOR_MS = 60_000;

export interface UploadOptions {
  signal: AbortSignal;
  /** Called with the number of acknowledged bytes. */
  onProgress: (written: number) => void;
}

export async function upload(
  api: Pick<StreamFSClient, 'write'>,
  path: string,
  source: Blob,
  { signal, onProgress }: UploadOptions,
): Promise<void> {
  let generation: string | undefined;
  for (let at = 0; at < source.size || at === 0; at += PART_BYTES) {
    const part = new Uint8Array(await source.slice(at, at + PART_BYTES).arrayBuffer());
    const written: WriteResult = await api.write(path, part, {
      reconnect: true,
      retryFor: RETRY_FOR_MS,
      generation,
      signal,
    });
    generation = written.generation;
    onProgress(at + part.length);
  }
}
