/** Helpers for tests of the core: write text, read what is available, wait for a turn of the event loop. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Reader, ReadRecord, Stream } from '../../src/core/index.ts';
import type { RingStream, StreamLog } from '../../src/core/internal.ts';
import { isStreamFSError } from '../../src/errors/index.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

export function append(stream: Stream, ...texts: string[]): void {
  for (const text of texts) stream.append(encoder.encode(text));
}

/** A record in a few characters: `hello`, `<gap 3-9 2>`, `<caught-up 9>`, `<end 9 removed>`. */
export function show(record: ReadRecord): string {
  switch (record.type) {
    case 'data':
      return decoder.decode(record.data);
    case 'gap':
      return `<gap ${record.from}-${record.to} ${record.chunks}>`;
    case 'caught-up':
      return `<caught-up ${record.offset}>`;
    case 'end':
      return `<end ${record.offset} ${record.reason}>`;
  }
}

/** All records available now, up to and with the end. */
export async function recordsNow(reader: Reader): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  for (;;) {
    try {
      const record = await reader.read({ timeout: 0 });
      records.push(record);
      if (record.type === 'end') return records;
    } catch (error) {
      if (isStreamFSError(error, 'READ_TIMEOUT')) return records;
      throw error;
    }
  }
}

export async function readNow(reader: Reader): Promise<string[]> {
  return (await recordsNow(reader)).map(show);
}

/** The bytes available now, without gaps and notices. */
export async function bytesNow(reader: Reader): Promise<Buffer> {
  const records = await recordsNow(reader);
  return Buffer.concat(records.flatMap((record) => (record.type === 'data' ? [record.data] : [])));
}

/** Waits until everything due in this turn of the event loop has happened. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits for a condition; only the test's own timeout limits it. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** The code of the error that `act` throws or rejects with. */
export async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    return isStreamFSError(error) ? error.code : String(error);
  }
  return 'no error';
}

/** Collects all garbage. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

/** Attaches a log that saves only when told to, and cannot be written once it has a fault. */
export function attachSlowLog(stream: RingStream): { save(to?: number): void; fault: Error | undefined } {
  let saved = stream.writtenEnd;
  const state = {
    fault: undefined as Error | undefined,
    save(to = stream.writtenEnd) {
      saved = to;
      stream.logChanged();
    },
  };
  const requireWritable = () => {
    if (state.fault !== undefined) throw state.fault;
  };
  const log: StreamLog = {
    history: { floor: 0, block: () => undefined, holeEnd: () => undefined, load: () => undefined, isHeld: () => false },
    durability: 'written',
    get saved() {
      return saved;
    },
    get readable() {
      return saved;
    },
    get isEndReadable() {
      return saved === stream.writtenEnd;
    },
    hasRoom: true,
    acceptsNow: () => true,
    requireWritable,
    requireRoom: requireWritable,
    changed: () => undefined,
    whenRoom: (wake) => wake(),
    whenSaved: () => undefined,
  };
  stream.attachLog(log);
  return state;
}
