/** What scripts answer and publish, read. */
import type { LogEnd, StreamState } from '../log.ts';
import type { Reply } from './driver.ts';

/** Several batches may be one entry's worth of chunks: bytes that were appended together. */
export interface Entry {
  readonly start: number;
  readonly end: number;
  readonly tag: string;
  /** Tag of the batch before it. */
  readonly before: string;
  /** Chunks of the stream, these among them. */
  readonly chunkCount: number;
  /** Lengths of its chunks. */
  readonly lengths: readonly number[];
  readonly bytes: Buffer;
  readonly proof: Buffer | undefined;
}

/** What a stream is in Redis; some of it nodes only need to make it again. */
export interface StoredStream {
  readonly generation: string;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly chunkCount: number;
  readonly createdAt: number;
  readonly modifiedAt: number;
  readonly end: LogEnd | undefined;
  readonly facts: string;
  readonly retention: number;
  readonly ttl: number | undefined;
  readonly expiresAt: number | undefined;
  /** Of its last batch. */
  readonly tag: string;
  readonly usedAt: number;
  /** When this was said, by the clock of Redis. */
  readonly now: number;
}

export type Message =
  | { readonly type: 'data'; readonly entry: Entry }
  | { readonly type: 'end'; readonly offset: number; readonly tag: string; readonly end: LogEnd }
  | { readonly type: 'replaced' };

const LINE_FEED = 10;

/** The first word of an answer and what follows it. */
export function partsOf(reply: Reply): { code: string; rest: readonly Reply[] } {
  const [code, ...rest] = reply as readonly Reply[];
  return { code: String(code), rest };
}

export function textOf(reply: Reply | undefined): string {
  return reply === undefined || reply === null ? '' : String(reply);
}

/** `reason`, or `reason`, a line feed and the status. */
function parseEnding(text: string): LogEnd {
  const at = text.indexOf('\n');
  const reason = (at < 0 ? text : text.slice(0, at)) as LogEnd['reason'];
  return { reason, status: at < 0 ? undefined : text.slice(at + 1) };
}

export function parseState(reply: Reply): StoredStream {
  const [generation, start, end, chunks, created, modified, ending, facts, retention, ttl, expires, tag, used, now] = (
    reply as readonly Reply[]
  ).map(textOf) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    generation,
    startOffset: Number(start),
    endOffset: Number(end),
    chunkCount: Number(chunks),
    createdAt: Number(created),
    modifiedAt: Number(modified),
    end: ending === '' ? undefined : parseEnding(ending),
    facts,
    retention: Number(retention),
    ttl: ttl === '' ? undefined : Number(ttl),
    expiresAt: expires === '' ? undefined : Number(expires),
    tag,
    usedAt: Number(used),
    now: Number(now),
  };
}

export function streamStateOf(path: string, stored: StoredStream): StreamState {
  const { generation, startOffset, endOffset, chunkCount, createdAt, modifiedAt, end, facts } = stored;
  return { path, generation, startOffset, endOffset, chunkCount, createdAt, modifiedAt, end, facts };
}

/** An element of what XRANGE gives: the id `END-0`, and the fields. */
export function parseEntry(reply: Reply): Entry {
  const [id, fields] = reply as readonly [Buffer, readonly Buffer[]];
  const end = Number(id.toString('latin1', 0, id.indexOf('-')));
  return entryOf(end, fields[3]!.toString('latin1'), fields[1]!, fields[5]);
}

/** @param meta tag, tag before, chunks, lengths */
function entryOf(end: number, meta: string, bytes: Buffer, proof: Buffer | undefined): Entry {
  const [tag, before, chunks, lengths] = meta.split(' ') as [string, string, string, string];
  return {
    start: end - bytes.length,
    end,
    tag,
    before,
    chunkCount: Number(chunks),
    lengths: lengths.split(',').map(Number),
    bytes,
    proof,
  };
}

/** `d END TAG BEFORE CHUNKS LENGTHS PROOF_LENGTH`, `x END CHUNKS TAG` or `r GENERATION`; a line feed; what belongs to it. */
export function parseMessage(message: Buffer): Message {
  const at = message.indexOf(LINE_FEED);
  const head = message.toString('latin1', 0, at);
  const body = message.subarray(at + 1);
  const words = head.split(' ');
  if (words[0] === 'd') {
    const proofLength = Number(words[6]);
    const proof = proofLength === 0 ? undefined : body.subarray(0, proofLength);
    return {
      type: 'data',
      entry: entryOf(Number(words[1]), words.slice(2, 6).join(' '), body.subarray(proofLength), proof),
    };
  }
  if (words[0] === 'x') {
    return { type: 'end', offset: Number(words[1]), tag: words[3] ?? '', end: parseEnding(body.toString()) };
  }
  return { type: 'replaced' };
}
