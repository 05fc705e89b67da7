/** Nodes of a log without servers, and checks that nothing was lost, duplicated or moved. */
import { expect } from 'vitest';
import type { Log, LogEnd, LogFollower, LogSink } from '../../../src/logs/log.ts';
import { createRedisLog } from '../../../src/logs/redis/index.ts';

export interface NodeOptions {
  readonly url: string;
  readonly prefix: string;
  readonly name: string;
  readonly retention?: number | undefined;
  readonly deadline?: number | undefined;
}

interface Chunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A mirror that keeps its newest bytes, as a ring does. */
export class TestMirror implements LogSink {
  endOffset = 0;
  chunkCount = 0;
  end_: LogEnd | undefined;
  isReplaced = false;
  chunks: Chunk[] = [];
  readonly gaps: { from: number; to: number; chunks: number }[] = [];
  follower: LogFollower | undefined;
  readonly generation: string;
  readonly #retention: number;
  #bytes = 0;

  constructor(generation: string, retention: number) {
    this.generation = generation;
    this.#retention = retention;
  }

  facts(): void {}

  data(chunks: readonly Uint8Array[]): void {
    for (const bytes of chunks) {
      this.chunks.push({ offset: this.endOffset, bytes: Uint8Array.from(bytes) });
      this.endOffset += bytes.length;
      this.#bytes += bytes.length;
      this.chunkCount++;
    }
    let old = 0;
    while (this.#bytes - this.chunks[old]!.bytes.length >= this.#retention)
      this.#bytes -= this.chunks[old++]!.bytes.length;
    if (old > 0) this.chunks.splice(0, old);
  }

  gap(offset: number, chunks: number): void {
    this.gaps.push({ from: this.endOffset, to: offset, chunks });
    this.endOffset = offset;
    this.chunkCount += chunks;
    this.chunks = [];
    this.#bytes = 0;
  }

  end(end: LogEnd): void {
    this.end_ = end;
  }

  replaced(): void {
    this.isReplaced = true;
  }

  retained(offset: number): readonly Uint8Array[] | undefined {
    if (offset === this.endOffset) return [];
    const at = this.chunks.findIndex((chunk) => chunk.offset === offset);
    return at < 0 ? undefined : this.chunks.slice(at).map(({ bytes }) => bytes);
  }

  get startOffset(): number {
    return this.chunks[0]?.offset ?? this.endOffset;
  }

  /** Its bytes from an offset on. */
  bytesFrom(offset: number): Buffer {
    return Buffer.concat(this.chunks.map(({ bytes }) => bytes)).subarray(offset - this.startOffset);
  }
}

export class TestNode {
  readonly log: Log;
  readonly mirrors = new Map<string, TestMirror>();
  readonly #opening = new Map<string, Promise<TestMirror>>();
  readonly #retention: number;

  constructor({ url, prefix, name, retention = 64 << 20, deadline = 20_000 }: NodeOptions) {
    this.#retention = retention;
    this.log = createRedisLog({
      url: new URL(url),
      node: name,
      prefix,
      deadline,
      limits: { maxStreams: 100_000, maxProducers: 100, producerTtl: 0 },
      logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    });
  }

  static async start(options: NodeOptions): Promise<TestNode> {
    const node = new TestNode(options);
    await node.log.start();
    return node;
  }

  /** Follows a stream, which is created if it is absent; follows again if a new generation has replaced it. */
  open(path: string): Promise<TestMirror> {
    const opening = this.#opening.get(path) ?? this.#open(path).finally(() => this.#opening.delete(path));
    this.#opening.set(path, opening);
    return opening;
  }

  async #open(path: string): Promise<TestMirror> {
    const known = this.mirrors.get(path);
    const isOver =
      known === undefined || known.isReplaced || (known.end_ !== undefined && known.end_.reason !== 'ended');
    if (!isOver) return known;
    const terms = { retention: this.#retention, ttl: undefined, expiresAt: undefined, facts: '{}' };
    const { stream } = await this.log.create({ path, ...terms });
    const mirror = new TestMirror(stream.generation, this.#retention);
    this.mirrors.set(path, mirror);
    mirror.follower = this.log.follow(path, stream.generation, mirror);
    await mirror.follower.caughtUp;
    return mirror;
  }

  close(): Promise<void> {
    return this.log.close();
  }
}

interface Written {
  readonly id: string;
  readonly length: number;
  readonly end: number;
}

/** The acknowledgements of writers. */
export class Ledger {
  readonly acknowledged: Written[] = [];
  /** Appends of which it is not known whether they took effect. */
  readonly failed = new Map<string, string>();
  longestMs = 0;

  get size(): number {
    return this.acknowledged.length;
  }
}

export interface WriterOptions {
  readonly node: TestNode;
  readonly path: string;
  readonly name: string;
  readonly ledger: Ledger;
  /** Longest append in bytes. */
  readonly size?: number | undefined;
  readonly until: () => boolean;
  /** Milliseconds between appends. */
  readonly pause?: number | undefined;
}

/** Appends one message after another, each once, of different lengths. */
export async function write({ node, path, name, ledger, size = 100, until, pause }: WriterOptions): Promise<void> {
  for (let n = 0; !until(); n++) {
    const id = `${name}#${n}`;
    const head = `<${id}>`;
    const length = head.length + ((n * 7919) % Math.max(1, size - head.length));
    const bytes = Buffer.alloc(length, 'abcdefghijklmnopqrstuvwxyz');
    bytes.write(head);
    const began = performance.now();
    try {
      const { generation } = await node.open(path);
      const { endOffset } = await node.log.append({ path, generation, chunks: [bytes], producer: undefined });
      ledger.acknowledged.push({ id, length, end: endOffset });
    } catch (error) {
      ledger.failed.set(id, (error as { code?: string }).code ?? String(error));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    ledger.longestMs = Math.max(ledger.longestMs, performance.now() - began);
    if (pause !== undefined) await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

export interface Counts {
  readonly appends: number;
  readonly failed: number;
  readonly lost: number;
  readonly doubled: number;
  readonly moved: number;
  readonly differing: number;
  readonly longestMs: number;
}

/** Compares acknowledged messages with the mirrors, which all follow one stream that retains everything. */
export function count(ledger: Ledger, mirrors: readonly TestMirror[]): Counts {
  const [first] = mirrors;
  const found = new Map<string, number[]>();
  for (const { offset, bytes } of first!.chunks) {
    const id = /^<([^>]*)>/.exec(Buffer.from(bytes.subarray(0, 80)).toString('latin1'))?.[1] ?? `?${offset}`;
    found.set(id, [...(found.get(id) ?? []), offset + bytes.length]);
  }
  let [lost, doubled, moved, differing] = [0, 0, 0, 0];
  for (const { id, end } of ledger.acknowledged) {
    const ends = found.get(id);
    if (ends === undefined) lost++;
    else if (!ends.includes(end)) moved++;
  }
  for (const ends of found.values()) if (ends.length > 1) doubled++;
  for (const mirror of mirrors.slice(1)) {
    const from = Math.max(first!.startOffset, mirror.startOffset);
    const isSame =
      mirror.endOffset === first!.endOffset &&
      mirror.chunkCount === first!.chunkCount &&
      mirror.bytesFrom(from).equals(first!.bytesFrom(from));
    if (!isSame) differing++;
  }
  return {
    appends: ledger.size,
    failed: ledger.failed.size,
    lost,
    doubled,
    moved,
    differing,
    longestMs: Math.round(ledger.longestMs),
  };
}

/** Prints the results of a run. */
export function report(fault: string, counts: Counts, more: Record<string, unknown> = {}): void {
  process.stdout.write(`log on Redis, ${fault}: ${JSON.stringify({ ...counts, ...more })}\n`);
}

export function expectNothingLost(counts: Counts): void {
  const { lost, doubled, moved, differing } = counts;
  expect({ lost, doubled, moved, differing }).toEqual({ lost: 0, doubled: 0, moved: 0, differing: 0 });
  expect(counts.appends).toBeGreaterThan(0);
}
