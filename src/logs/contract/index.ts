/**
 * The contract of a log, as test cases for any test runner:
 *
 *   for (const { name, run } of logContract({ open })) test(name, run);
 *
 * Cases are independent and may run in any order, but one at a time.
 */
import assert from 'node:assert/strict';
import { type ErrorCode, isStreamFSError } from '../../errors/index.ts';
import type { Appended, Log, LogBatch, LogLimits, NewStream, ProducerPart, StreamState } from '../log.ts';
import { RecordingSink } from './recording-sink.ts';

/** Logs that share one engine, which nothing else uses. */
export interface OpenedLogs {
  /** Started logs, each for a separate node. */
  readonly logs: readonly Log[];
  /** Closes all logs and the engine. */
  close(): Promise<void>;
}

export interface LogContractOptions {
  open(nodes: number, limits: LogLimits): Promise<OpenedLogs>;
  /** Cuts all connections of a log, which reconnects by itself. If absent, the cases about cuts are skipped. */
  cut?: ((log: Log) => void | Promise<void>) | undefined;
}

/** One test case. `run` throws an error with the expected behaviour if the log violates it. */
export interface LogContractCase {
  name: string;
  run(): Promise<void>;
}

const LIMITS: LogLimits = { maxStreams: 100_000, maxProducers: 100, producerTtl: 0 };
const RETENTION = 1 << 20;
const PATH = '/a/b';

type Case = (logs: readonly Log[]) => Promise<void>;

export function logContract({ cut, open }: LogContractOptions): LogContractCase[] {
  const testCase = (name: string, nodes: number, run: Case, limits: Partial<LogLimits> = {}): LogContractCase => ({
    name,
    run: async () => {
      const opened = await open(nodes, { ...LIMITS, ...limits });
      try {
        await run(opened.logs);
      } finally {
        await opened.close();
      }
    },
  });
  const cases = [
    testCase('an absent stream is not found', 1, absent),
    testCase('a stream that is created is found, with the facts it was given, on every node', 2, created),
    testCase('concurrent creators of a path get the same generation, and one of them created it', 3, createRace),
    testCase('a path is a stream or a directory, never both', 1, directories),
    testCase('more streams than are allowed are refused', 1, tooMany, { maxStreams: 2 }),
    testCase('followers on all nodes get the same chunks in the same order, each once', 3, order),
    testCase('each append gets its own end offset, on any node', 2, ownOffsets),
    testCase('chunks keep their boundaries, also those that are appended together', 2, boundaries),
    testCase('an append is done when the follower of its node has it', 1, ownFollower),
    testCase('a late follower gets all retained bytes, and one gap for the bytes before', 2, late),
    testCase('retention and counts are exact to the byte', 2, retention),
    testCase('a follower that was closed resumes at the end of its mirror', 2, resumed),
    testCase('an ended stream takes no more appends; followers get its history, then its end', 2, ended),
    testCase(
      'a stream can be created with its first bytes, and ended; a second creation changes nothing',
      2,
      madeWhole,
    ),
    testCase('an end that comes with bytes is one step with them, for producers too', 2, endedWith),
    testCase('batches with an order come in that order, or nothing is appended', 2, ordered),
    testCase('batches that expect an end are appended there, or not at all', 2, expected),
    testCase('ending twice is harmless: the first status stays', 2, endedTwice),
    testCase('a removal ends the followers of a stream, and frees its path', 2, removed),
    testCase('an ended stream is followed until it is removed', 2, removedLater),
    testCase('a recreated stream has another generation; appends to the old one are refused', 2, recreated),
    testCase("a producer's append is applied once, on whichever node it arrives", 2, producerOnce),
    testCase("a producer's interrupted append continues after the applied bytes", 2, producerParts),
    testCase('a part without bytes asks how much is applied, or completes the append', 2, producerEmpty),
    testCase("a producer's numbers come in order: gaps, old epochs and late starts are refused", 1, producerRules),
    testCase('a repeated append is acknowledged even after the end', 1, producerAfterEnd),
    testCase('listings give names in order, in pages, directories once', 2, pages),
    testCase('pages of any length add up to the listing, even with large directories', 2, pagesTogether),
    testCase('an end and a repeated append count as activity', 1, ttlOfEnds),
    testCase('a stream without activity for its time to live is removed; an update renews it', 2, ttl),
    testCase('a stream is removed at its expiry time, regardless of use', 2, expiresAt),
    testCase('an update sets the modification time by the clock of the log', 2, touched),
    testCase('of several claims the first replaces the terms, and the others learn them', 2, claimed),
    testCase('followers get the facts of a claim before the bytes appended after it', 2, factsFirst),
  ];
  if (cut === undefined) return cases;
  return [
    ...cases,
    testCase('over connection cuts each append is present once, at its reported offset', 2, cutsOf(cut)),
    testCase("a producer's appends are applied once over connection cuts", 2, producerCuts(cut)),
  ];
}

// ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function absent([log]: readonly Log[]): Promise<void> {
  assert.equal(await log!.find('/nowhere'), undefined);
  await refused('STREAM_NOT_FOUND', log!.append(batch('/nowhere', 'none', 'x')));
  await refused('STREAM_NOT_FOUND', log!.finish('/nowhere', 'none', { reason: 'removed', status: undefined }));
}

async function created([one, other]: readonly Log[]): Promise<void> {
  const { stream, isNew } = await one!.create({ ...fresh(PATH), facts: '{"type":"ä"}' });
  assert.equal(isNew, true);
  assert.match(stream.generation, /^[\w-]+$/);
  const found = await other!.find(PATH);
  assert.equal(found?.generation, stream.generation);
  assert.equal(found?.facts, '{"type":"ä"}');
  assert.deepEqual([found.startOffset, found.endOffset, found.chunkCount, found.end], [0, 0, 0, undefined]);
  assert.ok(Math.abs(found.createdAt - Date.now()) < 60_000, `created at ${found.createdAt}`);
}

async function createRace(logs: readonly Log[]): Promise<void> {
  const all = await Promise.all([...logs, ...logs, ...logs].map((log) => log.create(fresh(PATH))));
  assert.equal(new Set(all.map(({ stream }) => stream.generation)).size, 1);
  assert.equal(all.filter(({ isNew }) => isNew).length, 1);
}

async function directories([log]: readonly Log[]): Promise<void> {
  await log!.create(fresh('/a/b/c'));
  await refused('IS_A_DIRECTORY', log!.create(fresh('/a')));
  await refused('IS_A_DIRECTORY', log!.create(fresh('/a/b')));
  await refused('NOT_A_DIRECTORY', log!.create(fresh('/a/b/c/d')));
  const { generation } = (await log!.find('/a/b/c'))!;
  await log!.finish('/a/b/c', generation, { reason: 'removed', status: undefined });
  assert.equal((await log!.create(fresh('/a'))).isNew, true);
}

async function tooMany([log]: readonly Log[]): Promise<void> {
  const { stream } = await log!.create(fresh('/1'));
  await log!.create(fresh('/2'));
  await refused('STREAM_LIMIT', log!.create(fresh('/3')));
  assert.equal((await log!.create(fresh('/2'))).isNew, false);
  await log!.finish('/1', stream.generation, { reason: 'removed', status: undefined });
  assert.equal((await log!.create(fresh('/3'))).isNew, true);
}

// ── appends ──────────────────────────────────────────────────────────────────────────────────────────────────────

async function order(logs: readonly Log[]): Promise<void> {
  const generation = await make(logs[0]!);
  const sinks = await Promise.all(logs.map((log) => followed(log, generation)));
  const appends = logs.flatMap((log, node) =>
    numbers(40).map((n) => log.append(batch(PATH, generation, `${node}:${n};`))),
  );
  const ends = (await Promise.all(appends)).map(({ endOffset }) => endOffset);
  const last = Math.max(...ends);
  await Promise.all(sinks.map((sink) => sink.reaches(last)));
  for (const sink of sinks) assert.deepEqual(sink.events, sinks[0]!.events);
  assert.equal(sinks[0]!.texts.length, 120);
  for (const node of numbers(3)) {
    const own = sinks[0]!.texts.filter((text) => text.startsWith(`${node}:`));
    assert.deepEqual(
      own,
      numbers(40).map((n) => `${node}:${n};`),
      'appends of one node keep their order',
    );
  }
}

async function ownOffsets(logs: readonly Log[]): Promise<void> {
  const generation = await make(logs[0]!);
  const sink = await followed(logs[1]!, generation);
  const texts = numbers(50).map((n) => 'x'.repeat(n + 1) + n);
  const ends = await Promise.all(texts.map((text, n) => logs[n % 2]!.append(batch(PATH, generation, text))));
  await sink.reaches(texts.join('').length);
  const all = sink.texts.join('');
  texts.forEach((text, n) => {
    const { endOffset } = ends[n]!;
    assert.equal(all.slice(endOffset - text.length, endOffset), text);
  });
}

async function boundaries([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const sink = await followed(other!, generation);
  const chunks = ['a', 'bb', 'c'.repeat(65_536), 'd', '\0\xff\n,;', 'e'.repeat(1000)];
  const { endOffset } = await one!.append(batch(PATH, generation, ...chunks));
  await one!.append(batch(PATH, generation, 'behind'));
  assert.equal(endOffset, chunks.join('').length);
  await sink.reaches(endOffset + 6);
  assert.deepEqual(sink.texts, [...chunks, 'behind']);
  const late = await followed(one!, generation);
  assert.deepEqual(late.texts, [...chunks, 'behind']);
  assert.equal((await one!.find(PATH))?.chunkCount, chunks.length + 1);
}

async function ownFollower([log]: readonly Log[]): Promise<void> {
  const generation = await make(log!);
  const sink = await followed(log!, generation);
  for (const n of numbers(20)) {
    const { endOffset } = await log!.append(batch(PATH, generation, `${n}`));
    assert.ok(sink.endOffset >= endOffset, `${sink.endOffset} < ${endOffset}`);
  }
}

// ── followers ────────────────────────────────────────────────────────────────────────────────────────────────────

async function late([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!, { retention: 10 });
  for (const text of ['1234', '5678', '90', 'abcd', 'ef']) await one!.append(batch(PATH, generation, text));
  const sink = await followed(other!, generation);
  // 16 bytes, of which 10 are retained: the second chunk is cut.
  assert.deepEqual(sink.gaps, [{ kind: 'gap', from: 0, to: 6, chunks: 1 }]);
  assert.deepEqual(sink.texts, ['78', '90', 'abcd', 'ef']);
  assert.equal(sink.chunkCount, 5);
}

async function retention([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!, { retention: 100_000 });
  const chunk = 'x'.repeat(30_000);
  for (const _ of numbers(20)) await one!.append(batch(PATH, generation, chunk));
  const found = (await other!.find(PATH))!;
  assert.deepEqual([found.startOffset, found.endOffset, found.chunkCount], [500_000, 600_000, 20]);
  const sink = await followed(other!, generation);
  assert.deepEqual(sink.gaps, [{ kind: 'gap', from: 0, to: 500_000, chunks: 16 }]);
  assert.deepEqual([sink.endOffset, sink.chunkCount], [600_000, 20]);
}

async function resumed([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!, { retention: 8 });
  const sink = new RecordingSink();
  const first = other!.follow(PATH, generation, sink);
  await one!.append(batch(PATH, generation, 'abc'));
  await sink.reaches(3);
  first.close();
  await one!.append(batch(PATH, generation, 'def'));
  const second = other!.follow(PATH, generation, sink);
  await second.caughtUp;
  second.close();
  assert.deepEqual(sink.texts, ['abc', 'def']);
  for (const text of ['ghij', 'klmn', 'op']) await one!.append(batch(PATH, generation, text));
  await other!.follow(PATH, generation, sink).caughtUp;
  assert.deepEqual(sink.gaps, [{ kind: 'gap', from: 6, to: 8, chunks: 0 }]);
  assert.deepEqual(sink.texts, ['abc', 'def', 'ij', 'klmn', 'op']);
  assert.deepEqual([sink.endOffset, sink.chunkCount], [16, 5]);
}

// ── ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function ended([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const sink = await followed(other!, generation);
  await one!.append(batch(PATH, generation, 'all'));
  const end = { reason: 'ended', status: 'exit 3' } as const;
  const left = await one!.finish(PATH, generation, end);
  assert.deepEqual([left.endOffset, left.end], [3, end]);
  await sink.isOver();
  assert.deepEqual([sink.texts, sink.over], [['all'], end]);
  await refused('STREAM_CLOSED', other!.append(batch(PATH, generation, 'more')));
  const joined = new RecordingSink();
  await other!.follow(PATH, generation, joined).caughtUp;
  assert.deepEqual([joined.texts, joined.over], [['all'], end]);
  assert.deepEqual((await other!.find(PATH))?.end, end);
}

async function madeWhole([one, other]: readonly Log[]): Promise<void> {
  const chunks = [Buffer.from('first'), Buffer.from(' bytes')];
  const wanted = { path: PATH, retention: RETENTION, ttl: undefined, expiresAt: undefined, facts: '' };
  const { stream, isNew } = await one!.create({ ...wanted, chunks, isEnded: true });
  assert.deepEqual([isNew, stream.endOffset, stream.chunkCount, stream.end?.reason], [true, 11, 2, 'ended']);
  const again = await other!.create({ ...wanted, chunks: [Buffer.from('others')] });
  assert.deepEqual([again.isNew, again.stream.endOffset], [false, 11]);
  const sink = new RecordingSink();
  await other!.follow(PATH, stream.generation, sink).caughtUp;
  assert.deepEqual([sink.texts, sink.over], [['first', ' bytes'], { reason: 'ended', status: undefined }]);
}

async function endedWith([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const sink = await followed(other!, generation);
  const last = await one!.append({ ...batch(PATH, generation, 'last'), isEnd: true });
  assert.equal(last.endOffset, 4);
  await sink.isOver();
  assert.deepEqual([sink.texts, sink.over], [['last'], { reason: 'ended', status: undefined }]);
  await refused('STREAM_CLOSED', other!.append(batch(PATH, generation, 'more')));
  await refused('STREAM_CLOSED', other!.append({ ...batch(PATH, generation, 'more'), isEnd: true }));
  assert.equal((await other!.append({ ...batch(PATH, generation), isEnd: true })).endOffset, 4);
  const path = '/by/a/producer';
  const { stream } = await one!.create({ path, retention: RETENTION, ttl: undefined, expiresAt: undefined, facts: '' });
  const producer = { id: 'p', epoch: 0, seq: 0, from: 0, isLast: true };
  const whole = { ...batch(path, stream.generation, 'once'), producer, isEnd: true };
  assert.equal((await one!.append(whole)).isRepeated, false);
  assert.equal((await other!.append(whole)).isRepeated, true);
  const found = await other!.find(path);
  assert.deepEqual([found?.endOffset, found?.end?.reason], [4, 'ended']);
}

async function ordered([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const append = (log: Log, order: string) => log.append({ ...batch(PATH, generation, order), order });
  await append(one!, '09');
  await refused('STREAM_SEQ_ORDER', append(other!, '09'));
  await refused('STREAM_SEQ_ORDER', append(other!, '08;'));
  await append(other!, '10 and more');
  await one!.append(batch(PATH, generation, '; without'));
  await refused('STREAM_SEQ_ORDER', append(one!, '1'));
  assert.deepEqual((await followed(one!, generation)).texts.join(''), '0910 and more; without');
}

async function expected([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const append = (log: Log, expectedEnd: number, more: Partial<LogBatch> = {}) =>
    log.append({ ...batch(PATH, generation, 'abc'), expectedEnd, ...more });
  assert.equal((await append(one!, 0)).endOffset, 3);
  for (const end of [0, 2, 4, -1]) await refused('EXPECTED_OFFSET', append(other!, end));
  // Of several appends that expect the same end, exactly one succeeds.
  const all = await Promise.allSettled([append(one!, 3), append(other!, 3), append(one!, 3), append(other!, 3)]);
  assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 1);
  // A repeated append is acknowledged as such, whatever end it expects.
  const producer = { id: 'p', epoch: 0, seq: 0, from: 0, isLast: true };
  await refused('EXPECTED_OFFSET', append(one!, 3, { producer }));
  assert.equal((await append(other!, 6, { producer })).isRepeated, false);
  assert.equal((await append(one!, 6, { producer })).isRepeated, true);
  await refused('EXPECTED_OFFSET', append(one!, 6, { isEnd: true }));
  await refused('EXPECTED_OFFSET', append(one!, 6, { isEnd: true, chunks: [] }));
  assert.equal((await append(one!, 9, { isEnd: true })).endOffset, 12);
  await refused('STREAM_CLOSED', append(other!, 12));
}

async function endedTwice([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  await one!.finish(PATH, generation, { reason: 'ended', status: 'first' });
  const state = await other!.finish(PATH, generation, { reason: 'ended', status: 'second' });
  assert.deepEqual(state.end, { reason: 'ended', status: 'first' });
}

async function removed([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const sink = await followed(other!, generation);
  await one!.append(batch(PATH, generation, 'last words'));
  await one!.finish(PATH, generation, { reason: 'removed', status: undefined });
  await sink.isOver();
  assert.deepEqual(sink.over, { reason: 'removed', status: undefined });
  assert.equal(sink.endOffset, 10);
  assert.equal(await other!.find(PATH), undefined);
  await refused('STREAM_NOT_FOUND', other!.append(batch(PATH, generation, 'x')));
  assert.deepEqual(await other!.list('/a', undefined, 10), []);
}

async function removedLater([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const sink = await followed(other!, generation);
  await one!.append(batch(PATH, generation, 'all'));
  await one!.finish(PATH, generation, { reason: 'ended', status: 'exit 0' });
  await sink.isOver();
  await one!.finish(PATH, generation, { reason: 'removed', status: undefined });
  await sink.isGone();
  assert.deepEqual(sink.texts, ['all']);
}

async function recreated([one, other]: readonly Log[]): Promise<void> {
  const old = await make(one!);
  const sink = await followed(other!, old);
  await one!.append(batch(PATH, old, 'old'));
  await one!.finish(PATH, old, { reason: 'removed', status: undefined });
  const generation = await make(other!);
  assert.notEqual(generation, old);
  await refused('STREAM_RECREATED', one!.append(batch(PATH, old, 'x')));
  await refused('STREAM_RECREATED', one!.finish(PATH, old, { reason: 'ended', status: undefined }));
  await refused('STREAM_RECREATED', one!.update(PATH, old, {}));
  await one!.append(batch(PATH, generation, 'new'));
  await sink.isOver();
  assert.deepEqual((await followed(other!, generation)).texts, ['new']);
  assert.ok(!sink.texts.includes('new'));
}

// ── producers ────────────────────────────────────────────────────────────────────────────────────────────────────

async function producerOnce([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const first = await part(one!, generation, { seq: 0, isLast: true }, 'first');
  assert.deepEqual(first, { endOffset: 5, isRepeated: false, applied: 0, lastSeq: 0 });
  const second = await part(other!, generation, { seq: 1, isLast: true }, 'second');
  assert.equal(second.endOffset, 11);
  assert.equal((await part(one!, generation, { seq: 1, isLast: true }, 'second')).isRepeated, true);
  const again = await part(one!, generation, { seq: 0, isLast: true }, 'first');
  assert.deepEqual([again.isRepeated, again.lastSeq], [true, 1]);
  assert.deepEqual((await followed(one!, generation)).texts, ['first', 'second']);
}

async function producerParts([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const begun = await part(one!, generation, { seq: 0, from: 0 }, 'abc', 'def');
  assert.deepEqual(begun, { endOffset: 6, isRepeated: false, applied: 6, lastSeq: -1 });
  const whole = await part(other!, generation, { seq: 0, from: 0, isLast: true }, 'abcd', 'efgh');
  assert.deepEqual(whole, { endOffset: 8, isRepeated: false, applied: 0, lastSeq: 0 });
  assert.deepEqual((await followed(one!, generation)).texts, ['abc', 'def', 'gh']);
  await part(one!, generation, { seq: 1, from: 0 }, '12');
  await part(one!, generation, { seq: 1, from: 2 }, '34');
  await refused('PRODUCER_MISMATCH', part(other!, generation, { seq: 1, from: 0, isLast: true }, '123'));
  await refused('PRODUCER_GAP', part(other!, generation, { seq: 1, from: 5, isLast: true }, '6'));
  assert.equal((await part(other!, generation, { seq: 1, from: 0, isLast: true }, '1234')).endOffset, 12);
  assert.equal((await one!.find(PATH))?.endOffset, 12);
}

async function producerEmpty([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  assert.deepEqual(await part(one!, generation, { seq: 0 }), {
    endOffset: 0,
    isRepeated: false,
    applied: 0,
    lastSeq: -1,
  });
  await part(one!, generation, { seq: 0 }, 'abc');
  assert.equal((await part(other!, generation, { seq: 0 })).applied, 3);
  assert.equal((await part(other!, generation, { seq: 0, from: 3, isLast: true })).lastSeq, 0);
  assert.equal((await part(one!, generation, { seq: 0 })).isRepeated, true);
  assert.equal((await part(one!, generation, { seq: 1, isLast: true })).lastSeq, 1);
  assert.deepEqual((await followed(other!, generation)).texts, ['abc']);
}

async function producerRules([log]: readonly Log[]): Promise<void> {
  const generation = await make(log!);
  await refused('PRODUCER_GAP', part(log!, generation, { seq: 3, isLast: true }, 'x'));
  await part(log!, generation, { epoch: 2, seq: 0, isLast: true }, 'a');
  const error = await refused('PRODUCER_GAP', part(log!, generation, { epoch: 2, seq: 2, isLast: true }, 'x'));
  assert.deepEqual([error.expected_seq, error.received_seq], [1, 2]);
  const fenced = await refused('PRODUCER_FENCED', part(log!, generation, { epoch: 1, seq: 0, isLast: true }, 'x'));
  assert.equal(fenced.epoch, 2);
  await refused('PRODUCER_EPOCH_START', part(log!, generation, { epoch: 3, seq: 1, isLast: true }, 'x'));
  // The partial append of an old epoch is abandoned, and its bytes stay.
  await part(log!, generation, { epoch: 2, seq: 1 }, 'b');
  await part(log!, generation, { epoch: 3, seq: 0, isLast: true }, 'c');
  await refused('PRODUCER_FENCED', part(log!, generation, { epoch: 2, seq: 1, from: 1, isLast: true }, 'x'));
  assert.deepEqual((await followed(log!, generation)).texts, ['a', 'b', 'c']);
}

async function producerAfterEnd([log]: readonly Log[]): Promise<void> {
  const generation = await make(log!);
  await part(log!, generation, { seq: 0, isLast: true }, 'all');
  await log!.finish(PATH, generation, { reason: 'ended', status: undefined });
  assert.equal((await part(log!, generation, { seq: 0, isLast: true }, 'all')).isRepeated, true);
  await refused('STREAM_CLOSED', part(log!, generation, { seq: 1, isLast: true }, 'more'));
}

// ── listings, times ──────────────────────────────────────────────────────────────────────────────────────────────

async function pages([one, other]: readonly Log[]): Promise<void> {
  const names = ['a', 'b/1', 'b/2', 'c', 'é', '\u{10000}', '\uffee'];
  for (const name of names) await one!.create(fresh(`/${name}`));
  const all = ['a', 'b', 'c', 'é', '\uffee', '\u{10000}'];
  const named = async (after: string | undefined, limit: number) =>
    (await other!.list('/', after, limit)).map(({ name }) => name);
  assert.deepEqual(await named(undefined, 100), all);
  assert.deepEqual(await named(undefined, 2), ['a', 'b']);
  assert.deepEqual(await named('b', 2), ['c', 'é']);
  assert.deepEqual(await named('bb', 1), ['c']);
  assert.deepEqual(await named('\u{10000}', 5), []);
  const children = await other!.list('/', undefined, 2);
  assert.deepEqual([children[0]?.stream?.path, children[1]?.stream], ['/a', undefined]);
  assert.deepEqual(
    (await other!.list('/b', undefined, 10)).map(({ stream }) => stream?.path),
    ['/b/1', '/b/2'],
  );
  assert.deepEqual(await other!.list('/nothing', undefined, 10), []);
}

async function pagesTogether([one, other]: readonly Log[]): Promise<void> {
  const at = (n: number) => String(n).padStart(3, '0');
  const streams = Array.from({ length: 150 }, (_, n) => `/${at(2 * n)}`);
  const inside = [1, 151].flatMap((n) => Array.from({ length: 90 }, (_, k) => `/${at(n)}/${at(k)}`));
  await Promise.all([...streams, ...inside].map((path) => one!.create(fresh(path))));
  const all = [...streams.map((path) => path.slice(1)), '001', '151'].sort();
  for (const limit of [1, 7, 64, 65, 1000]) {
    const found: string[] = [];
    for (;;) {
      const page = await other!.list('/', found.at(-1), limit);
      found.push(...page.map(({ name }) => name));
      if (page.length < limit) break;
    }
    assert.deepEqual(found, all);
  }
}

async function ttlOfEnds([log]: readonly Log[]): Promise<void> {
  const generation = await make(log!, { ttl: 2000 });
  const producer = { id: 'p', epoch: 0, seq: 0, from: 0, isLast: true };
  const uses = [
    { ...batch(PATH, generation, 'x'), producer },
    { ...batch(PATH, generation, 'x'), producer },
    { ...batch(PATH, generation), isEnd: true },
    { ...batch(PATH, generation), isEnd: true },
  ];
  for (const use of uses) {
    await pause(700);
    await log!.append(use);
  }
  assert.equal((await log!.find(PATH))?.end?.reason, 'ended');
}

async function ttl([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!, { ttl: 1000 });
  const sink = await followed(other!, generation);
  const until = Date.now() + 2500;
  while (Date.now() < until) {
    await pause(200);
    await one!.update(PATH, generation, {});
  }
  assert.equal((await other!.find(PATH))?.generation, generation);
  await one!.append(batch(PATH, generation, 'x'));
  await sink.isOver();
  assert.deepEqual(sink.over, { reason: 'expired', status: undefined });
  assert.equal(await one!.find(PATH), undefined);
  assert.equal((await one!.create(fresh(PATH))).isNew, true);
}

async function expiresAt([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!, { expiresAt: Date.now() + 1000 });
  const sink = await followed(other!, generation);
  await sink.isOver();
  assert.deepEqual(sink.over, { reason: 'expired', status: undefined });
  assert.equal(await one!.find(PATH), undefined);
}

async function touched([one, other]: readonly Log[]): Promise<void> {
  const generation = await make(one!);
  const { modifiedAt } = (await one!.find(PATH))!;
  await pause(20);
  const changed = await one!.update(PATH, generation, { isTouched: true });
  assert.ok(changed.modifiedAt > modifiedAt, `modified at ${changed.modifiedAt}`);
  assert.equal((await other!.find(PATH))?.modifiedAt, changed.modifiedAt);
  assert.equal((await one!.update(PATH, generation, {})).modifiedAt, changed.modifiedAt);
}

async function claimed([one, other]: readonly Log[]): Promise<void> {
  const { stream } = await one!.create({ ...fresh(PATH), facts: 'unclaimed' });
  const claim = (log: Log, facts: string, keep: number) =>
    log.update(PATH, stream.generation, {
      claim: { terms: { retention: keep, ttl: undefined, expiresAt: undefined, facts }, from: 'unclaimed' },
    });
  const changed = await claim(one!, 'first', 4);
  assert.equal(changed.facts, 'first');
  assert.equal((await claim(other!, 'second', 100)).facts, 'first');
  assert.equal((await other!.find(PATH))?.facts, 'first');
  await one!.append(batch(PATH, stream.generation, 'abcdefgh'));
  assert.equal((await other!.find(PATH))?.startOffset, 4);
}

async function factsFirst([one, other]: readonly Log[]): Promise<void> {
  const { stream } = await one!.create({ ...fresh(PATH), facts: 'unclaimed' });
  const { generation } = stream;
  const sinks = await Promise.all([one!, other!].map((log) => followed(log, generation)));
  for (const sink of sinks) assert.deepEqual(sink.factsAt, [{ offset: 0, facts: 'unclaimed' }]);
  const terms = { retention: RETENTION, ttl: undefined, expiresAt: undefined, facts: 'claimed' };
  await one!.update(PATH, generation, { claim: { terms, from: 'unclaimed' } });
  await one!.append(batch(PATH, generation, 'abc'));
  const all = [
    { offset: 0, facts: 'unclaimed' },
    { offset: 0, facts: 'claimed' },
  ];
  for (const sink of sinks) {
    await sink.reaches(3);
    assert.deepEqual(sink.factsAt, all);
  }
  const late = await followed(other!, generation);
  assert.deepEqual(late.factsAt, all.slice(1));
}

// ── cuts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function cutsOf(cut: (log: Log) => void | Promise<void>): Case {
  return async (logs) => {
    const generation = await make(logs[0]!);
    const sinks = await Promise.all(logs.map((log) => followed(log, generation)));
    const appended: { text: string; endOffset: number }[] = [];
    const write = async (log: Log, node: number) => {
      for (const n of numbers(150)) {
        const text = `<${node}:${n}>`;
        if (n % 15 === 7) await cut(log);
        appended.push({ text, endOffset: (await log.append(batch(PATH, generation, text))).endOffset });
      }
    };
    await Promise.all(logs.map(write));
    const end = appended.reduce((sum, { text }) => sum + text.length, 0);
    await Promise.all(sinks.map((sink) => sink.reaches(end)));
    for (const sink of sinks) {
      const all = sink.texts.join('');
      assert.equal(all.length, end, 'nothing is doubled');
      for (const { text, endOffset } of appended) assert.equal(all.slice(endOffset - text.length, endOffset), text);
    }
  };
}

function producerCuts(cut: (log: Log) => void | Promise<void>): Case {
  return async (logs) => {
    const generation = await make(logs[0]!);
    const texts = numbers(60).map((n) => `<${n}>`);
    for (const [n, text] of texts.entries()) {
      const log = logs[n % 2]!;
      const done = part(log, generation, { seq: n, isLast: true }, text);
      if (n % 6 === 3) await cut(log);
      await done;
      if (n % 10 === 0)
        assert.equal((await part(logs[(n + 1) % 2]!, generation, { seq: n, isLast: true }, text)).isRepeated, true);
    }
    assert.deepEqual((await followed(logs[0]!, generation)).texts, texts);
  };
}

// ── support ──────────────────────────────────────────────────────────────────────────────────────────────────────

function fresh(path: string): NewStream {
  return { path, retention: RETENTION, ttl: undefined, expiresAt: undefined, facts: '' };
}

async function make(log: Log, terms: Partial<NewStream> = {}): Promise<string> {
  const { stream, isNew }: { stream: StreamState; isNew: boolean } = await log.create({ ...fresh(PATH), ...terms });
  assert.equal(isNew, true);
  return stream.generation;
}

function batch(path: string, generation: string, ...texts: string[]): LogBatch {
  return { path, generation, chunks: texts.map((text) => Buffer.from(text, 'latin1')), producer: undefined };
}

function part(log: Log, generation: string, numbered: Partial<ProducerPart>, ...texts: string[]): Promise<Appended> {
  const producer = { id: 'p', epoch: 0, seq: 0, from: 0, isLast: false, ...numbered };
  return log.append({ ...batch(PATH, generation, ...texts), producer });
}

async function followed(log: Log, generation: string): Promise<RecordingSink> {
  const sink = new RecordingSink();
  await log.follow(PATH, generation, sink).caughtUp;
  return sink;
}

async function refused(code: ErrorCode, doing: Promise<unknown>): Promise<Readonly<Record<string, unknown>>> {
  try {
    await doing;
  } catch (error) {
    assert.ok(isStreamFSError(error, code), `expected ${code}, got ${error}`);
    return error.details;
  }
  assert.fail(`expected ${code}`);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
