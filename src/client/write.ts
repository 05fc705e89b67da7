/**
 * Writes a body of any length. A refusal is reported at once, even in the middle of an endless source. After a cut the
 * error says how many bytes were sent, which is not how many were accepted.
 */
import { HEADERS } from '../protocol/index.ts';
import { CountedSource } from './counted-source.ts';
import { describeFailure, neverConnected, StreamFSClientError } from './errors.ts';
import { ExactlyOnceWrite } from './exactly-once.ts';
import { type FetchBody, type FetchResponse, readableFrom } from './fetch.ts';
import { integerHeader } from './headers.ts';
import { settingsQuery } from './settings.ts';
import { refusal, type Transport } from './transport.ts';
import { checkEndStatus, checkInteger } from './validate.ts';
import type { WriteOptions, WriteResult, WriteSource } from './write-types.ts';

export async function write(
  transport: Transport,
  path: string,
  source: WriteSource,
  options: WriteOptions = {},
): Promise<WriteResult> {
  checkInteger('offset', options.offset);
  checkInteger('retryFor', options.retryFor);
  const { endStatus } = options;
  if (endStatus !== undefined && options.end !== true) throw new TypeError('endStatus needs end: true');
  if (typeof endStatus !== 'function') checkEndStatus('endStatus', endStatus);
  if (!isSource(source)) {
    throw new TypeError('the source of a write must be a string, a Uint8Array, an AsyncIterable or a ReadableStream');
  }
  const bytes = typeof source === 'string' ? new TextEncoder().encode(source) : source;
  const sized = bytes instanceof Uint8Array ? bytes : undefined;
  const counted = bytes instanceof Uint8Array ? undefined : new CountedSource(bytes, options.onProgress);
  if ((options.reconnect ?? false) !== false) {
    if (options.offset !== undefined) throw new TypeError('offset and reconnect exclude each other: give only one');
    const exact = new ExactlyOnceWrite(transport, path, options);
    return sized === undefined ? exact.source(counted!) : exact.bytes(sized);
  }
  // The request, with its query, is sent before the source ends.
  if (typeof endStatus === 'function') throw new TypeError('endStatus as a function needs reconnect');
  const sent = () => counted?.sent ?? sized?.length ?? 0;

  let response: FetchResponse;
  try {
    response = await transport.send('PUT', '/files', {
      query: {
        path,
        end: options.end,
        end_status: endStatus,
        create: options.create,
        ...settingsQuery(options.settings),
        atomic: options.atomic ?? options.settings?.atomic,
        generation: options.generation,
        offset: options.offset,
      },
      body: sized ?? streamed(transport, counted),
      signal: options.signal,
    });
  } catch (error) {
    counted?.stop();
    if (counted?.failure !== undefined) throw counted.failure.error;
    if (transport.aborted(options.signal) || error instanceof StreamFSClientError) throw error;
    if (neverConnected(error)) throw transport.unreachable(error);
    throw cutWrite(sent(), error);
  }
  if (!response.ok) {
    counted?.stop();
    throw await refusal(response);
  }
  const written = sent();
  try {
    await response.text();
  } catch {
    // The head has confirmed the write; the message in the body adds nothing.
  }
  return {
    written,
    endOffset: integerHeader(response, HEADERS.streamEndOffset),
    generation: response.headers.get(HEADERS.streamGeneration) ?? undefined,
  };
}

function streamed(transport: Transport, source: CountedSource | undefined): FetchBody {
  if (source === undefined) return new Uint8Array(0);
  return transport.takesIterables ? source : readableFrom(source);
}

function cutWrite(sent: number, cause: unknown): StreamFSClientError {
  const message =
    `the connection was cut while writing: ${describeFailure(cause)}; ${sent} bytes had been sent, ` +
    'how many of them were accepted is not known';
  return new StreamFSClientError('cut', message, { details: { sent }, cause });
}

function isSource(source: unknown): boolean {
  if (typeof source === 'string' || source instanceof Uint8Array) return true;
  return typeof source === 'object' && source !== null && (Symbol.asyncIterator in source || 'getReader' in source);
}
