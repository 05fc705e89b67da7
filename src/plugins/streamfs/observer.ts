/**
 * Handles the events of all streams of a mount. There may be thousands of streams, so they share one observer: each
 * event names its stream, and the table provides the entry.
 */

import type { Stream, StreamObserver } from '../../core/index.ts';
import { closedError, internalOf, type RingStream } from '../../core/internal.ts';
import { StreamFSError } from '../../errors/index.ts';
import type { Entry } from './entry.ts';
import type { SlowReaders } from './slow-readers.ts';
import type { StreamTable } from './stream-table.ts';

export interface ObserverDependencies {
  table: Pick<StreamTable, 'get'>;
  slow: SlowReaders;
  /** The path of a stream, derived from its name. */
  pathOf: (name: string) => string;
  readerLeft: (stream: RingStream, entry: Entry | undefined) => void;
}

export function createObserver({ table, slow, pathOf, readerLeft }: ObserverDependencies): StreamObserver {
  /** Undefined if the stream has been removed: its path may belong to another stream. */
  const entryOf = (stream: Stream): Entry | undefined => {
    const entry = table.get(pathOf(stream.name!));
    return entry?.stream === stream ? entry : undefined;
  };
  return {
    gap: (stream, _reader, gap) => slow.lose(stream.name!, gap),
    tooSlow: (stream, reader, error) => slow.cutOff({ stream: stream.name!, reader, reason: error.message }),
    readerClosed: (stream) => readerLeft(internalOf(stream), entryOf(stream)),
    // A writer without anything to write would notice the end too late, and delay a shutdown.
    ended: (stream) => {
      for (const writer of entryOf(stream)?.writers ?? []) {
        const { code, message, details } = closedError(internalOf(stream).closedBy ?? 'ended');
        writer.onStop?.(new StreamFSError(code, message, { ...details, written: writer.written }));
      }
    },
  };
}
