/**
 * Durable Streams compared with a naive model (contract 105): random histories of creating, appending, closing, forking and
 * removing. Each stream is followed meanwhile by long-polling, by server-sent events and by catching up after each step, and read
 * from its beginning at the end.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { type Running, start } from './harness.ts';

const FORMS = { bytes: 'application/octet-stream', text: 'text/plain', json: 'application/json' } as const;
type Form = keyof typeof FORMS;

/** An acknowledged append: its messages, or its bytes, and the offset after it. */
interface Piece {
  readonly content: readonly string[];
  readonly next: string;
}

interface Follower {
  readonly mode: 'long-poll' | 'sse' | 'catch-up';
  /** The data received, once the stream is closed or removed. */
  readonly done: Promise<{ content: string[]; closed: boolean }>;
}

interface ModelStream {
  readonly name: string;
  readonly form: Form;
  readonly pieces: Piece[];
  readonly source: ModelStream | undefined;
  forks: number;
  closed: boolean;
  removed: boolean;
  readonly followers: Follower[];
}

type Step =
  | { kind: 'create'; name: number; form: Form; content: string[] }
  | { kind: 'append'; name: number; content: string[]; repeat: boolean; close: boolean; expects: number | undefined }
  | { kind: 'close'; name: number }
  | { kind: 'remove'; name: number }
  | { kind: 'fork'; name: number; from: number; at: number };

const NAMES = 4;
const name = fc.nat({ max: NAMES - 1 });
/** Characters of one to four bytes, line ends, and characters that JSON escapes; binary is Latin-1. */
const unit = fc.constantFrom('a', ' ', '\n', '"', '\\', 'é', '€', '𝄞', '0', ',', '[', 'data: ', '\u2028');
const content = fc.array(fc.string({ unit, minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 });
const form = fc.constantFrom<Form>('bytes', 'text', 'json');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      name,
      form,
      content: fc.oneof(content, fc.constant<string[]>([])),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      name,
      content,
      repeat: fc.boolean(),
      close: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      // The expected number of pieces before the append.
      expects: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), name }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('fork' as const), name, from: name, at: fc.nat({ max: 20 }) }),
  },
);

/** The messages of JSON, or the pieces of any other form, as a reader must receive them: one text. */
const joined = (pieces: readonly Piece[], of: Form): string =>
  of === 'json'
    ? JSON.stringify(pieces.flatMap(({ content: each }) => each))
    : pieces.map(({ content: each }) => each.join('')).join('');
const joinedContent = (got: readonly string[], of: Form): string =>
  of === 'json' ? JSON.stringify(got) : got.join('');
const bodyOf = (of: Form, each: readonly string[]): string => (of === 'json' ? JSON.stringify(each) : each.join(''));

class World {
  readonly #running: Running;
  readonly #streams = new Map<string, ModelStream>();
  /** Removed streams that keep their name because they have forks, and all earlier ones. */
  readonly all: ModelStream[] = [];
  #seq = 0;
  /** Callbacks of readers that wait for the next step. */
  #waiting: (() => void)[] = [];

  constructor(running: Running) {
    this.#running = running;
  }

  async run(one: Step): Promise<void> {
    this.#wakeAll();
    const known = this.#streams.get(`n${one.name}`);
    switch (one.kind) {
      case 'create':
        return this.#create(`n${one.name}`, one.form, one.content);
      case 'append':
        return this.#append(known, `n${one.name}`, one);
      case 'close':
        return this.#append(known, `n${one.name}`, {
          content: [],
          repeat: false,
          close: true,
          expects: undefined,
        });
      case 'remove':
        return this.#remove(known, `n${one.name}`);
      case 'fork':
        return this.#fork(`n${one.name}`, this.#streams.get(`n${one.from}`), `n${one.from}`, one.at);
    }
  }

  async #create(target: string, of: Form, each: string[]): Promise<void> {
    const known = this.#streams.get(target);
    const response = await this.#call('PUT', target, {
      body: each.length === 0 ? '' : bodyOf(of, each),
      type: FORMS[of],
    });
    if (known !== undefined) {
      // Creating the same stream again is no error, and changes nothing. A fork is another stream, and a name with forks is not free.
      expect([target, response.status]).toEqual([
        target,
        !known.removed && known.form === of && !known.closed && known.source === undefined ? 200 : 409,
      ]);
      return;
    }
    expect(response.status).toBe(201);
    await this.#add({
      name: target,
      form: of,
      source: undefined,
      closed: false,
      pieces: each.length === 0 ? [] : [{ content: each, next: response.next }],
    });
  }

  async #append(
    known: ModelStream | undefined,
    target: string,
    { content: each, repeat, close, expects }: Omit<Extract<Step, { kind: 'append' }>, 'kind' | 'name'>,
  ): Promise<void> {
    const of = known?.form ?? 'bytes';
    const headers: Record<string, string> = close ? { 'Stream-Closed': 'true' } : {};
    if (repeat)
      Object.assign(headers, { 'Producer-Id': `p${++this.#seq}`, 'Producer-Epoch': '0', 'Producer-Seq': '0' });
    const end = known?.pieces.at(-1);
    const expected = expects === undefined ? undefined : known?.pieces[expects];
    if (expected !== undefined) headers['Stream-Expected-Offset'] = expected.next;
    const parts = { body: bodyOf(of, each), type: FORMS[of], headers };
    if (each.length === 0) parts.body = '';
    const response = await this.#call('POST', target, parts);
    if (known === undefined || known.removed) {
      expect(response.status).toBe(known === undefined ? 404 : 410);
      return;
    }
    if (known.closed) {
      // Closing a closed stream is no error unless there is something to append.
      expect(response.status).toBe(each.length === 0 ? 204 : 409);
      return;
    }
    if (expected !== undefined && expected !== end) {
      expect([response.status, response.next]).toEqual([409, end?.next]);
      return;
    }
    expect([200, 204]).toContain(response.status);
    if (each.length > 0) known.pieces.push({ content: each, next: response.next });
    if (close) known.closed = true;
    if (!repeat) return;
    const again = await this.#call('POST', target, parts);
    expect([again.status, again.next]).toEqual([204, response.next]);
  }

  async #remove(known: ModelStream | undefined, target: string): Promise<void> {
    const response = await this.#call('DELETE', target, {});
    if (known === undefined || known.removed) {
      expect(response.status).toBe(known === undefined ? 404 : 410);
      return;
    }
    expect(response.status).toBe(204);
    known.removed = true;
    this.#release(known);
  }

  /** A name is free when the stream and all its forks are removed. */
  #release(one: ModelStream): void {
    if (!one.removed || one.forks > 0) return;
    this.#streams.delete(one.name);
    if (one.source === undefined) return;
    one.source.forks--;
    this.#release(one.source);
  }

  async #fork(target: string, source: ModelStream | undefined, from: string, at: number): Promise<void> {
    if (this.#streams.has(target)) return;
    const point = source?.pieces[at];
    const headers: Record<string, string> = { 'Stream-Forked-From': `/v1/stream/${from}` };
    if (point !== undefined) headers['Stream-Fork-Offset'] = point.next;
    const response = await this.#call('PUT', target, {
      headers,
      type: source === undefined ? undefined : FORMS[source.form],
      body: '',
    });
    if (source === undefined || source.removed) {
      expect([source === undefined ? 404 : 409, 410]).toContain(response.status);
      return;
    }
    expect(response.status).toBe(201);
    source.forks++;
    const pieces = point === undefined ? source.pieces : source.pieces.slice(0, at + 1);
    await this.#add({ name: target, form: source.form, source, closed: false, pieces: [...pieces] });
  }

  async #add(parts: Omit<ModelStream, 'forks' | 'removed' | 'followers'>): Promise<void> {
    const one: ModelStream = { ...parts, forks: 0, removed: false, followers: [] };
    this.#streams.set(one.name, one);
    this.all.push(one);
    const { port } = this.#running;
    // A reader that asks only after the name belongs to another stream would follow that one.
    await new Promise<void>((resolve) => {
      one.followers.push(follower('long-poll', pollAll(port, one, resolve)));
    });
    await new Promise<void>((resolve) => {
      one.followers.push(follower('sse', eventsOf(port, one, resolve)));
    });
    await new Promise<void>((resolve) => {
      one.followers.push(
        follower(
          'catch-up',
          catchUp(port, one, resolve, () => this.#nextStep()),
        ),
      );
    });
  }

  #nextStep(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wakeAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Closes open streams, then compares the data of each reader with the model. */
  async check(): Promise<void> {
    for (const one of this.#streams.values()) {
      if (one.removed) continue;
      if (!one.closed) {
        expect((await this.#call('POST', one.name, { headers: { 'Stream-Closed': 'true' }, body: '' })).status).toBe(
          204,
        );
        one.closed = true;
      }
      expect(joinedContent(await pagesOf(this.#running.port, one), one.form)).toBe(joined(one.pieces, one.form));
    }
    for (const one of this.all) {
      for (const { mode, done } of one.followers) {
        // Nothing more will happen: this is the final read.
        this.#wakeAll();
        const { content: got, closed } = await done;
        const all = joined(one.pieces, one.form);
        const text = joinedContent(got, one.form);
        if (!one.removed) expect([one.name, mode, text, closed]).toEqual([one.name, mode, all, true]);
        // Of a removed stream, each reader has a prefix.
        else
          expect(
            one.form === 'json'
              ? one.pieces.flatMap((each) => each.content).slice(0, got.length)
              : all.slice(0, text.length),
          ).toEqual(one.form === 'json' ? got : text);
      }
    }
  }

  async #call(
    method: string,
    target: string,
    { body, type, headers = {} }: { body?: string; type?: string | undefined; headers?: Record<string, string> },
  ) {
    const response = await this.#running.call(method, `/api/v1x/${target}`, {
      ...(body === undefined ? {} : { body }),
      headers: { ...(type === undefined ? {} : { 'Content-Type': type }), ...headers },
    });
    return { status: response.status, next: response.headers['stream-next-offset'] as string };
  }
}

/** If the history has failed already, a failing reader is not a second error. */
function follower(mode: Follower['mode'], done: Follower['done']): Follower {
  done.catch(() => undefined);
  return { mode, done };
}

const urlOf = (port: number, { name: target }: ModelStream, query: string) =>
  `http://127.0.0.1:${port}/v1/stream/${target}${query}`;
const contentOf = (text: string, of: Form): string[] => (of === 'json' ? (JSON.parse(text) as string[]) : [text]);

/** Follows by long-polling, from the beginning until the stream is closed or removed. */
async function pollAll(
  port: number,
  one: ModelStream,
  began: () => void,
): Promise<{ content: string[]; closed: boolean }> {
  const got: string[] = [];
  for (let offset = '-1'; ; ) {
    const response = await fetch(urlOf(port, one, `?offset=${offset}&live=long-poll`));
    began();
    const text = await response.text();
    if (response.status >= 400) return { content: got, closed: false };
    if (text !== '') got.push(...contentOf(text, one.form));
    if (response.headers.get('stream-closed') === 'true') return { content: got, closed: true };
    offset = response.headers.get('stream-next-offset') as string;
  }
}

/** Catches up whenever something may have happened, concurrently with the next step. */
async function catchUp(
  port: number,
  one: ModelStream,
  began: () => void,
  nextStep: () => Promise<void>,
): Promise<{ content: string[]; closed: boolean }> {
  const got: string[] = [];
  for (let offset = '-1'; ; ) {
    const response = await fetch(urlOf(port, one, `?offset=${offset}`));
    const text = await response.text();
    if (response.status >= 400) return { content: got, closed: false };
    if (text !== '') got.push(...contentOf(text, one.form));
    if (response.headers.get('stream-closed') === 'true') return { content: got, closed: true };
    offset = response.headers.get('stream-next-offset') as string;
    if (response.headers.get('stream-up-to-date') !== 'true') continue;
    const step = nextStep();
    began();
    await step;
  }
}

/** Follows by server-sent events, and reconnects when a response ends. */
async function eventsOf(
  port: number,
  one: ModelStream,
  began: () => void,
): Promise<{ content: string[]; closed: boolean }> {
  const pieces: Buffer[] = [];
  const messages: string[] = [];
  const result = (closed: boolean) => ({
    content: one.form === 'json' ? messages : [Buffer.concat(pieces).toString()],
    closed,
  });
  for (let offset = '-1'; ; ) {
    const response = await fetch(urlOf(port, one, `?offset=${offset}&live=sse`));
    began();
    if (response.status >= 400) return result(false);
    const blocks = (await response.text()).split('\n\n');
    for (const block of blocks.slice(0, -1)) {
      const lines = block.split('\n').filter((line) => !line.startsWith(':'));
      const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).replace(/^ /, ''));
      if (lines[0] === 'event: data') {
        if (one.form === 'json') messages.push(...(JSON.parse(data.join('\n')) as string[]));
        else
          pieces.push(
            Buffer.from(data.join(one.form === 'bytes' ? '' : '\n'), one.form === 'bytes' ? 'base64' : 'utf8'),
          );
      } else if (lines[0] === 'event: control') {
        const control = JSON.parse(data.join('\n')) as { streamNextOffset: string; streamClosed?: boolean };
        if (control.streamClosed === true) return result(true);
        offset = control.streamNextOffset;
      }
    }
  }
}

async function pagesOf(port: number, one: ModelStream): Promise<string[]> {
  const got: string[] = [];
  for (let offset = '-1'; ; ) {
    const response = await fetch(urlOf(port, one, `?offset=${offset}`));
    expect(response.status).toBe(200);
    got.push(...contentOf(await response.text(), one.form));
    if (response.headers.get('stream-up-to-date') === 'true') return got;
    offset = response.headers.get('stream-next-offset') as string;
  }
}

/** Compares the server with the model, in this many histories. */
export async function checkHistories(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const running = await start({
        mounted: { '/s': { fstype: 'streamfs', config: {} } },
        durableStreams: { mount: '/s', prefixes: ['/api/v1x', '/v1/stream'], longPollTimeout: 25 },
      });
      const world = new World(running);
      try {
        for (const one of steps) await world.run(one);
        await world.check();
      } finally {
        await running.stop();
      }
    }),
    { numRuns },
  );
}
