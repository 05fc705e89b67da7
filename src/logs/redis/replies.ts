/** Parses the replies and messages of the scripts. */
import type { LogEnd, StreamState } from '../log.ts';
import type { Reply } from './driver.ts';
import { chunksOf } from './lengths.ts';

/** A batch: chunks that were appended together. */
export interface Entry {
  readonly start: number;
  readonly end: number;
  readonly tag: string;
  /** The tag of the preceding batch. */
  readonly before: string;
  /** Chunks of the stream, including those of this batch. */
  readonly chunkCount: number;
  readonly chunks: readonly Uint8Array[];
  readonly proof: Buffer | undefined;
}

/** The published head of a long batch; its bytes arrive on another channel. */
export interface Head {
  readonly end: number;
  readonly tag: string;
  readonly before: string;
  readonly chunkCount: number;
  readonly lengths: string;
  readonly length: number;
  readonly proof: Buffer | undefined;
}

/** The state of a stream in Redis. Some fields are only needed to restore it. */
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
  /** The tag of the last batch. */
  readonly tag: string;
  readonly usedAt: number;
  /** The time of this state, by the clock of Redis. */
  readonly now: number;
}

/** A complete append of a producer. */
export interface CompletedAppend {
  readonly epoch: number;
  readonly seq: number;
  /** In bytes. */
  readonly length: number;
}

export type Message =
  | { readonly type: 'data'; readonly entry: Entry }
  | { readonly type: 'head'; readonly head: Head }
  | { readonly type: 'end'; readonly offset: number; readonly tag: string; readonly end: LogEnd }
  | { readonly type: 'changed'; readonly stored: StoredStream }
  | { readonly type: 'completed'; readonly id: string; readonly append: CompletedAppend }
  | { readonly type: 'replaced' };

const LINE_FEED = 10;

/** A tuple of N words. */
type Words<N extends number, T extends string[] = []> = T['length'] extends N ? T : Words<N, [...T, string]>;

/** Splits a reply into its first word and the rest. */
export function partsOf(reply: Reply): { code: string; rest: readonly Reply[] } {
  const [code, ...rest] = reply as readonly Reply[];
  return { code: String(code), rest };
}

export function textOf(reply: Reply | undefined): string {
  return reply === undefined || reply === null ? '' : String(reply);
}

/** Parses `reason`, or `reason`, a line feed and the status. */
function parseEnding(text: string): LogEnd {
  const at = text.indexOf('\n');
  const reason = (at < 0 ? text : text.slice(0, at)) as LogEnd['reason'];
  return { reason, status: at < 0 ? undefined : text.slice(at + 1) };
}

/**
 * Parses `GENERATION FLOOR END CHUNKS CREATED MODIFIED RETENTION TTL EXPIRES USED TAG NOW FACTS_LENGTH`, a line feed, the
 * facts and the ending. Bytes below FLOOR were never in the engine.
 */
export function parseState(reply: Reply): StoredStream {
  const text = reply as Buffer;
  const at = text.indexOf(LINE_FEED);
  const [generation, floor, end, chunks, created, modified, retention, ttl, expires, used, tag, now, length] = text
    .toString('latin1', 0, at)
    .split(' ') as Words<13>;
  const endingAt = at + 1 + Number(length);
  return {
    generation,
    startOffset: Math.max(Number(floor), Number(end) - Number(retention)),
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

/** Parses an element of an XRANGE reply: the id `END-0`, and the fields. */
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
 * Parses `d END TAG BEFORE CHUNKS LENGTHS PROOF_LENGTH`, a line feed, the proof and the bytes; `l`, with the number of
 * bytes appended to these words, for a batch whose bytes are published separately; `x END CHUNKS TAG`; `s` with the
 * state after a change; `p EPOCH SEQ LENGTH` with the id of a producer; or `r GENERATION`.
 *
 * @returns undefined for a message of a newer version
 */
export function parseMessage(message: Buffer): Message | undefined {
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
  if (words[0] === 'p') {
    const [epoch, seq, length] = words.slice(1).map(Number) as [number, number, number];
    return { type: 'completed', id: body.toString(), append: { epoch, seq, length } };
  }
  if (words[0] === 's') return { type: 'changed', stored: parseState(body) };
  return words[0] === 'r' ? { type: 'replaced' } : undefined;
}
