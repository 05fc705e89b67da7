/** What scripts answer and publish, read. */
import type { LogEnd, StreamState } from '../log.ts';
import type { Reply } from './driver.ts';
import { chunksOf } from './lengths.ts';

/** A batch: chunks that were appended together. */
export interface Entry {
  readonly start: number;
  readonly end: number;
  readonly tag: string;
  /** Tag of the batch before it. */
  readonly before: string;
  /** Chunks of the stream, these among them. */
  readonly chunkCount: number;
  readonly chunks: readonly Uint8Array[];
  readonly proof: Buffer | undefined;
}

/** What is published of a long batch; its bytes come by another channel. */
export interface Head {
  readonly end: number;
  readonly tag: string;
  readonly before: string;
  readonly chunkCount: number;
  readonly lengths: string;
  readonly length: number;
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
  | { readonly type: 'head'; readonly head: Head }
  | { readonly type: 'end'; readonly offset: number; readonly tag: string; readonly end: LogEnd }
  | { readonly type: 'replaced' };

const LINE_FEED = 10;

/** As many words as a reply is known to have. */
type Words<N extends number, T extends string[] = []> = T['length'] extends N ? T : Words<N, [...T, string]>;

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

/** `GENERATION START END CHUNKS MADE MODIFIED RETENTION TTL EXPIRES TAG USED NOW FACTS_LENGTH`, a line feed, the facts, the ending. */
export function parseState(reply: Reply): StoredStream {
  const text = reply as Buffer;
  const at = text.indexOf(LINE_FEED);
  const [generation, start, end, chunks, created, modified, retention, ttl, expires, tag, used, now, length] = text
    .toString('latin1', 0, at)
    .split(' ') as Words<13>;
  const endingAt = at + 1 + Number(length);
  return {
    generation,
    startOffset: Number(start),
    endOffset: Number(end),
    chunkCount: Number(chunks),
    createdAt: Number(created),
    modifiedAt: Number(modified),
    end: endingAt === text.length ? undefined : parseEnding(text.toString('utf8', endingAt)),
    facts: text.toString('utf8', at + 1, endingAt),
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
  const bytes = fields[1]!;
  const [tag, before, chunks, lengths] = fields[3]!.toString('latin1').split(' ') as Words<4>;
  const end = Number(id.toString('latin1', 0, id.indexOf('-')));
  return entryOf(
    { end, tag, before, chunkCount: Number(chunks), lengths, length: bytes.length, proof: fields[5] },
    bytes,
  );
}

export function entryOf(head: Head, bytes: Buffer): Entry {
  return entryOfChunks(head, chunksOf(bytes, head.lengths));
}

export function entryOfChunks(
  { end, tag, before, chunkCount, length, proof }: Omit<Head, 'lengths'>,
  chunks: readonly Uint8Array[],
): Entry {
  return { start: end - length, end, tag, before, chunkCount, chunks, proof };
}

/**
 * `d END TAG BEFORE CHUNKS LENGTHS PROOF_LENGTH`, a line feed, and what belongs to it; `l`, with the number of bytes behind that,
 * for a batch whose bytes are published apart; `x END CHUNKS TAG` or `r GENERATION`.
 */
export function parseMessage(message: Buffer): Message {
  const at = message.indexOf(LINE_FEED);
  const words = message.toString('latin1', 0, at).split(' ');
  const body = message.subarray(at + 1);
  if (words[0] === 'd' || words[0] === 'l') {
    const [type, end, tag, before, chunks, lengths, proof, long] = words as [...Words<7>, string?];
    const proofLength = Number(proof);
    const head = {
      end: Number(end),
      tag,
      before,
      chunkCount: Number(chunks),
      lengths,
      length: long === undefined ? body.length - proofLength : Number(long),
      proof: proofLength === 0 ? undefined : body.subarray(0, proofLength),
    };
    if (type === 'l') return { type: 'head', head };
    return { type: 'data', entry: entryOf(head, body.subarray(proofLength)) };
  }
  if (words[0] === 'x') {
    return { type: 'end', offset: Number(words[1]), tag: words[3] ?? '', end: parseEnding(body.toString()) };
  }
  return { type: 'replaced' };
}
