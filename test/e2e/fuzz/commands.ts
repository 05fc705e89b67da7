/** The commands of the model-based test: each applies one operation to the server and to the model, and compares. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type fc from 'fast-check';
import { expect } from 'vitest';
import type { ReaderStart } from '../../../src/core/index.ts';
import { parseFrames } from '../harness/frames.ts';
import { type Producer, Refusal, type World } from './world.ts';

interface HttpResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** The server, over one persistent connection. */
export class Real {
  private readonly base: URL;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string) {
    this.base = new URL(url);
  }

  ask(
    method: string,
    path: string,
    body?: Uint8Array | string,
    chunked = false,
    more: Record<string, string> = {},
  ): Promise<HttpResponse> {
    const { hostname, port } = this.base;
    const length = body === undefined || chunked ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const headers = { ...length, ...more };
    return new Promise((resolve, reject) => {
      const options = { host: hostname, port, method, path: `/api/v1${path}`, agent: this.agent, headers };
      const asked = request(options, (res) => {
        const pieces: Buffer[] = [];
        res.on('data', (piece: Buffer) => pieces.push(piece));
        res.on('end', () =>
          resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(pieces) }),
        );
        res.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** A start, with its offset as a fraction of the stream's length, slightly beyond the end included. */
export type StartCase =
  | { by: 'from'; from: 'earliest' | 'live' }
  | { by: 'offset'; at: number; skip: boolean }
  | { by: 'last'; count: number }
  | { by: 'last_lines'; count: number };

/** One operation. `who` is reduced to an open or closed handle; `path` is complete. */
export type Step =
  | { do: 'mount'; path: string; newest: boolean; retention: number; maxLag: number }
  | { do: 'unmount' | 'create' | 'touch' | 'truncate' | 'mkdir' | 'stat' | 'list' | 'end'; path: string }
  | { do: 'remove'; path: string; recursive: boolean }
  | { do: 'write'; path: string; text: string; end: boolean; create: boolean; chunked: boolean }
  | { do: 'append'; path: string; producer: Producer; text: string; end: boolean; create: boolean }
  | { do: 'kick'; who: number }
  | { do: 'read'; path: string; start: StartCase; create: boolean; frames: boolean }
  | { do: 'snapshot'; path: string; start: StartCase }
  | { do: 'open'; path: string; flags: number }
  | { do: 'close'; who: number }
  | { do: 'handle read'; who: number; size: number; at: number | undefined }
  | { do: 'handle write'; who: number; text: string }
  | { do: 'seek'; who: number; at: number; whence: 0 | 1 | 2 };

export class StepCommand implements fc.AsyncCommand<World, Real> {
  private readonly step: Step;

  constructor(step: Step) {
    this.step = step;
  }

  check(): boolean {
    return true;
  }

  toString(): string {
    const { do: name, ...rest } = this.step;
    return `${name} ${JSON.stringify(rest)}`;
  }

  async run(world: World, real: Real): Promise<void> {
    await play(this.step, world, real);
  }
}

/** The model's result, or its refusal. */
function attempt<T>(act: () => T): T | Refusal {
  try {
    return act();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Compares a response with a refusal; returns whether it was expected to be one. */
function refused(response: HttpResponse, expected: unknown, success: number): expected is Refusal {
  if (!(expected instanceof Refusal)) {
    expect([response.status, response.status === success ? '' : response.body.toString()]).toEqual([success, '']);
    return false;
  }
  const { code } = JSON.parse(response.body.toString()) as { code: string };
  expect([response.status, code]).toEqual([expected.status, expected.code]);
  return true;
}

const encode = encodeURIComponent;
const jsonOf = ({ body }: HttpResponse) => JSON.parse(body.toString()) as Record<string, unknown>;

async function play(step: Step, world: World, real: Real): Promise<void> {
  switch (step.do) {
    case 'mount': {
      const { path, newest, retention, maxLag } = step;
      const policy = newest ? 'drop-newest' : 'drop-oldest';
      const config = { ring_buffer_size: retention, channel_buffer_size: maxLag, on_lag: policy };
      const response = await real.ask('POST', '/mount', JSON.stringify({ fstype: 'streamfs', path, config }));
      refused(
        response,
        attempt(() => world.mount(path, policy, { retention, maxLag })),
        200,
      );
      return;
    }
    case 'unmount': {
      const response = await real.ask('POST', '/unmount', JSON.stringify({ path: step.path }));
      refused(
        response,
        attempt(() => world.unmount(step.path)),
        200,
      );
      return;
    }
    case 'create': {
      const response = await real.ask('POST', `/files?path=${encode(step.path)}`);
      refused(
        response,
        attempt(() => world.create(step.path)),
        201,
      );
      return;
    }
    case 'touch':
    case 'end':
    case 'mkdir': {
      const response = await real.ask('POST', `/${step.do}?path=${encode(step.path)}`);
      refused(
        response,
        attempt(() => world[step.do](step.path)),
        200,
      );
      return;
    }
    case 'truncate': {
      const response = await real.ask('POST', `/truncate?path=${encode(step.path)}&size=0`);
      refused(
        response,
        attempt(() => world.truncate(step.path)),
        200,
      );
      return;
    }
    case 'remove': {
      const response = await real.ask('DELETE', `/files?path=${encode(step.path)}&recursive=${step.recursive}`);
      refused(
        response,
        attempt(() => world.remove(step.path, step.recursive)),
        200,
      );
      return;
    }
    case 'stat': {
      const response = await real.ask('GET', `/stat?path=${encode(step.path)}`);
      const expected = attempt(() => world.stat(step.path));
      if (refused(response, expected, 200)) return;
      const { isDir, size, meta } = jsonOf(response) as { isDir: boolean; size: number; meta: { Content: unknown } };
      expect(isDir).toBe(expected === undefined);
      if (expected === undefined) return;
      const { stream } = expected;
      expect(size).toBe(stream.end);
      expect(meta.Content).toMatchObject({
        active_readers: String(stream.readers.size),
        total_written: String(stream.end),
        start_offset: String(stream.start),
        end_offset: String(stream.end),
        skipped_bytes: String(stream.skippedBytes),
        max_lag: String(Math.max(0, ...[...stream.readers].map((reader) => reader.lag))),
        state: stream.ended ?? 'open',
        ...(expected.generation === undefined ? {} : { generation: expected.generation }),
      });
      return;
    }
    case 'list': {
      const response = await real.ask('GET', `/directories?path=${encode(step.path)}`);
      const expected = attempt(() => world.list(step.path));
      if (refused(response, expected, 200)) return;
      const { files } = jsonOf(response) as { files: { name: string; isDir: boolean }[] };
      const found = files.map(({ name, isDir }): [string, boolean] => [name, isDir]).sort();
      expect(found).toEqual([...expected].sort());
      return;
    }
    case 'write': {
      const { path, text, end, create, chunked } = step;
      const response = await real.ask('PUT', `/files?path=${encode(path)}&end=${end}&create=${create}`, text, chunked);
      const expected = attempt(() => world.write(path, Buffer.from(text), { create, end }));
      if (refused(response, expected, 200)) return;
      expect(jsonOf(response)).toEqual({ message: `Written ${Buffer.byteLength(text)} bytes` });
      expect(response.headers['x-stream-end-offset']).toBe(String(expected.stream.end));
      sameGeneration(expected, response);
      return;
    }
    case 'append': {
      const { path, text, end, create, producer } = step;
      const { id, epoch, seq } = producer;
      const response = await real.ask('PUT', `/files?path=${encode(path)}&end=${end}&create=${create}`, text, false, {
        'Producer-Id': id,
        'Producer-Epoch': String(epoch),
        'Producer-Seq': String(seq),
      });
      const expected = attempt(() => world.appendOnce(path, producer, Buffer.from(text), { create, end }));
      if (expected instanceof Refusal && expected.code === 'PRODUCER_GAP') {
        expect(jsonOf(response)).toMatchObject({ expected_seq: expected.expected, received_seq: seq });
      }
      if (refused(response, expected, expected instanceof Refusal || !expected.isRepeated ? 200 : 204)) return;
      const { entry, last } = expected;
      expect(response.headers).toMatchObject({ 'producer-epoch': String(epoch), 'producer-seq': String(last) });
      expect(response.headers['x-stream-end-offset']).toBe(String(entry.stream.end));
      sameGeneration(entry, response);
      return;
    }
    case 'kick': {
      const id = handleOf(step.who, world);
      const { readers } = jsonOf(await real.ask('GET', '/readers')) as { readers: { id: number; handle: number }[] };
      const reading = [...world.handles].filter(([, handle]) => handle.reader !== undefined).map(([open]) => open);
      expect(readers.map(({ handle }) => handle).sort()).toEqual(reading.sort());
      const found = readers.find(({ handle }) => handle === id);
      const response = await real.ask('DELETE', `/readers/${found?.id ?? 2 ** 40}`);
      expect(response.status).toBe(found === undefined ? 404 : 200);
      if (found !== undefined) world.close(id);
      return;
    }
    case 'read':
      await playRead(step, world, real);
      return;
    case 'snapshot': {
      const start = startOf(
        step.start,
        attempt(() => world.stat(step.path)),
      );
      const response = await real.ask('GET', `/files?path=${encode(step.path)}&snapshot=true&${start.query}`);
      const expected = attempt(() => world.snapshot(step.path, start.start));
      if (refused(response, expected, 200)) return;
      expect(response.headers['x-stream-offset']).toBe(String(expected.offset));
      expect(response.body.equals(expected.data)).toBe(true);
      return;
    }
    case 'open': {
      const response = await real.ask('POST', `/handles/open?path=${encode(step.path)}&flags=${step.flags}`);
      const expected = attempt(() => world.open(step.path, step.flags));
      if (refused(response, expected, 200)) return;
      world.handles.set(Number(jsonOf(response).handle_id), expected);
      return;
    }
    case 'close': {
      const id = handleOf(step.who, world);
      const response = await real.ask('DELETE', `/handles/${id}`);
      refused(
        response,
        attempt(() => world.close(id)),
        200,
      );
      return;
    }
    case 'handle write': {
      const id = handleOf(step.who, world);
      const response = await real.ask('PUT', `/handles/${id}/write`, step.text);
      const expected = attempt(() => world.handleWrite(id, Buffer.from(step.text)));
      if (refused(response, expected, 200)) return;
      expect(jsonOf(response)).toEqual({ bytes_written: Buffer.byteLength(step.text), position: expected });
      return;
    }
    case 'seek': {
      const id = handleOf(step.who, world);
      const stream = world.handles.get(id)?.entry.stream;
      const offset = Math.round(step.at * ((stream?.end ?? 0) + 3));
      const response = await real.ask('POST', `/handles/${id}/seek?offset=${offset}&whence=${step.whence}`);
      const expected = attempt(() => world.seek(id, offset, step.whence));
      if (refused(response, expected, 200)) return;
      expect(jsonOf(response)).toEqual({ position: expected, offset: expected });
      return;
    }
    case 'handle read':
      await playHandleRead(step, world, real);
  }
}

/** An existing handle, or a number that belongs to none. */
function handleOf(who: number, world: World): number {
  const ids = [...world.handles.keys()];
  return ids[who % (ids.length + 1)] ?? 2 ** 40;
}

function sameGeneration(entry: { generation: string | undefined }, response: HttpResponse): void {
  const actual = response.headers['x-stream-generation'] as string;
  expect(actual).toMatch(/^\w+$/);
  entry.generation ??= actual;
  expect(actual).toBe(entry.generation);
}

function startOf(one: StartCase, entry: unknown): { start: ReaderStart; query: string } {
  if (one.by === 'from') return { start: { from: one.from }, query: one.from === 'live' ? 'from=live' : '' };
  if (one.by === 'last') return { start: { lastBytes: one.count }, query: `last=${one.count}` };
  if (one.by === 'last_lines') return { start: { lastLines: one.count }, query: `last_lines=${one.count}` };
  const end = (entry as { stream?: { end: number } } | undefined)?.stream?.end ?? 0;
  const offset = Math.round(one.at * (end + 3));
  const onExpired = one.skip ? 'skip' : 'error';
  return { start: { offset, onExpired }, query: `offset=${offset}&on_expired=${onExpired}` };
}

/** The oldest byte that a start refers to, retained or not; undefined if the start names none. */
function oldestMeant(start: ReaderStart, end: number): number | undefined {
  if ('from' in start) return start.from === 'earliest' ? 0 : undefined;
  return 'lastBytes' in start ? Math.max(0, end - start.lastBytes) : undefined;
}

/** A live read of everything retained: every byte, gap and notice in its place. */
async function playRead(step: Step & { do: 'read' }, world: World, real: Real): Promise<void> {
  const { path, create, frames } = step;
  const start = startOf(
    step.start,
    attempt(() => world.stat(path)),
  );
  const format = frames ? 'frames' : 'raw';
  const query = `stream=true&timeout=0&create=${create}&format=${format}&${start.query}`;
  const response = await real.ask('GET', `/files?path=${encode(path)}&${query}`);
  const opened = attempt(() => world.openStream(path, start.start, create));
  if (refused(response, opened, 200)) return;
  const { entry, reader, close } = opened;
  sameGeneration(entry, response);
  const parts: Buffer[] = [];
  const notices: string[] = [];
  const meant = oldestMeant(start.start, entry.stream.end);
  if (meant !== undefined && meant < reader.cursor) notices.push(`gap ${meant}-${reader.cursor}`);
  for (;;) {
    const record = reader.next(false);
    if (record === 'cut off') throw new Error('the model cuts off nobody');
    if (record === undefined || record.type === 'end') {
      notices.push(`${record?.reason ?? 'timeout'} at ${reader.cursor}`);
      break;
    }
    if (record.type === 'gap') notices.push(`gap ${record.from}-${record.to}`);
    if (record.type === 'caught-up') notices.push(`caught up at ${record.offset}`);
    if (record.type !== 'data') continue;
    parts.push(Buffer.from(entry.stream.slice(record.from, record.to)));
    notices.push(`data ${record.from}-${record.to}`);
    reader.take(record.to - record.from);
  }
  close();
  if (frames) expect(noticesOf(response.body)).toEqual(notices);
  const data = frames ? parseFrames(response.body).filter(({ type }) => type === 'data') : [];
  const body = frames ? Buffer.concat(data.map(({ payload }) => payload)) : response.body;
  expect(body.equals(Buffer.concat(parts))).toBe(true);
}

/** Frames as words, with successive data merged. */
function noticesOf(body: Buffer): string[] {
  const notices: string[] = [];
  let last: { from: number; to: number } | undefined;
  for (const { type, offset, payload } of parseFrames(body)) {
    if (type === 'data') {
      if (last?.to === offset) {
        last.to += payload.length;
        notices.pop();
      } else last = { from: offset, to: offset + payload.length };
      notices.push(`data ${last.from}-${last.to}`);
      continue;
    }
    last = undefined;
    if (type === 'gap') notices.push(`gap ${offset}-${Number(payload.readBigUInt64BE(0))}`);
    else if (type === 'end') notices.push(`${payload} at ${offset}`);
    else if (type === 'caught-up') notices.push(`caught up at ${offset}`);
  }
  return notices;
}

async function playHandleRead(step: Step & { do: 'handle read' }, world: World, real: Real): Promise<void> {
  const id = handleOf(step.who, world);
  const handle = attempt(() => world.handle(id));
  const known = handle instanceof Refusal ? undefined : handle;
  const offset = step.at === undefined ? undefined : Math.round(step.at * ((known?.entry.stream.end ?? 0) + 3));
  const at = offset === undefined ? '' : `&offset=${offset}`;
  const response = await real.ask('GET', `/handles/${id}/read?size=${step.size}&timeout=0${at}`);
  if (known === undefined) {
    refused(response, handle, 200);
    return;
  }
  const { stream } = known.entry;
  const { reader } = known;
  if (reader !== undefined && offset !== undefined && offset < stream.start) {
    refused(response, new Refusal(410, 'OFFSET_GONE'), 200);
    return;
  }
  if (reader !== undefined && offset !== undefined && stream.ended !== undefined && offset > stream.end) {
    refused(response, new Refusal(416, 'OFFSET_BEYOND_END'), 200);
    return;
  }
  refused(response, undefined, 200);
  const actual = {
    offset: Number(response.headers['x-stream-offset']),
    eof: response.headers['x-eof'],
    skipped: Number(response.headers['x-stream-skipped']),
    length: response.body.length,
  };
  expect(Number(response.headers['x-bytes-read'])).toBe(actual.length);
  if (reader === undefined) {
    expect(actual).toEqual({ offset: stream.end, eof: 'false', skipped: 0, length: 0 });
    return;
  }
  /** Compares some of the bytes from `from` on, at least one. */
  const expectBytes = (from: number, to: number, skipped: number) => {
    expect(actual).toMatchObject({ offset: from, eof: 'false', skipped });
    expect(actual.length).toBeGreaterThan(0);
    expect(actual.length).toBeLessThanOrEqual(Math.min(step.size, to - from));
    expect(response.body.equals(stream.slice(from, from + actual.length))).toBe(true);
  };
  if (offset !== undefined) {
    if (offset < stream.end) expectBytes(offset, stream.end, 0);
    else expect(actual).toEqual({ offset, eof: String(stream.ended !== undefined), skipped: 0, length: 0 });
    return;
  }
  for (;;) {
    const record = reader.next(false);
    if (record === 'cut off') throw new Error('the model cuts off nobody');
    if (record?.type === 'gap') known.skipped += record.to - record.from;
    else if (record?.type === 'data') {
      expectBytes(record.from, record.to, known.skipped);
      reader.take(actual.length);
      known.skipped = 0;
      return;
    } else if (record?.type === 'end') {
      expect(actual).toEqual({ offset: reader.cursor, eof: 'true', skipped: known.skipped, length: 0 });
      known.skipped = 0;
      return;
    } else if (record === undefined) {
      expect(actual).toEqual({ offset: reader.cursor, eof: 'false', skipped: 0, length: 0 });
      return;
    }
  }
}
