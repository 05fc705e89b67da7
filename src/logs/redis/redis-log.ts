/**
 * A log on Redis or Valkey: implements src/logs/log.ts with the scripts of scripts.ts. For its guarantees and limits,
 * see docs/cluster.md.
 */
import { randomBytes } from 'node:crypto';
import { createError } from '../../errors/index.ts';
import { LogThrottle } from '../../logging/index.ts';
import type {
  Appended,
  Log,
  LogBatch,
  LogChild,
  LogCounters,
  LogEnd,
  LogFollower,
  LogOptions,
  LogSink,
  LogState,
  NewStream,
  StreamChange,
  StreamState,
  StreamTerms,
} from '../log.ts';
import { parseRedisUrl, type RedisAddress } from './address.ts';
import { Appender, type AppenderHost } from './appender.ts';
import { CallBuffers } from './call-buffers.ts';
import type { Argument, RedisDriver } from './driver.ts';
import { Engine } from './engine.ts';
import { Follower, type FollowerHost, type Forked, type MirrorMemory, type Restored } from './follower.ts';
import { Keys, newGeneration } from './keys.ts';
import { textOfLengths } from './lengths.ts';
import { loadNodeRedis } from './node-redis.ts';
import { parseState, partsOf, type StoredStream, streamStateOf, textOf } from './replies.ts';
import { SCRIPTS, type Script } from './scripts.ts';
import { Semaphore } from './semaphore.ts';
import { type Member, StreamIndex } from './stream-index.ts';
import { NodeNames, Tags } from './tags.ts';

/** Streams whose history is read concurrently. */
const MAX_CONCURRENT_READS = 32;

/** Streams per lookup call of a listing on a single server. More would block the server for too long. */
const MAX_LOOKUPS_PER_CALL = 128;

export class RedisLog implements Log {
  onState: (() => void) | undefined;
  readonly #options: LogOptions;
  readonly #address: RedisAddress;
  readonly #keys: Keys;
  readonly #loadDriver: (name: string) => Promise<RedisDriver>;
  readonly #index: StreamIndex;
  readonly #host: FollowerHost & AppenderHost;
  readonly #followers = new Map<string, Follower>();
  /** The newest follower of each path. */
  readonly #followersOfPaths = new Map<string, Follower>();
  readonly #appenders = new Map<string, Appender>();
  readonly #mirrors = new WeakMap<LogSink, MirrorMemory>();
  readonly #names = new NodeNames();
  readonly #since = Date.now();
  /** Unique per process: all tags begin with it, so that no tag of an earlier process is reused. */
  readonly #instance = randomBytes(6).toString('base64url');
  readonly #readSlots = new Semaphore(MAX_CONCURRENT_READS);
  readonly #trouble: LogThrottle<{ path: string; error: unknown }>;
  readonly #restoredBytes: LogThrottle<Restored>;
  readonly #restoredStreams: LogThrottle<Restored>;
  readonly #forked: LogThrottle<Forked>;
  #engine: Engine | undefined;
  #batches = 0;
  #heals = 0;
  #forks = 0;
  #retries = 0;

  /** @throws CONFIG_INVALID */
  constructor(options: LogOptions, loadDriver: (name: string) => Promise<RedisDriver> = (name) => loadNodeRedis(name)) {
    if (/[{}\s]/.test(options.prefix)) {
      throw createError('CONFIG_INVALID', {
        reason: `the prefix of a log must not contain braces or white space: ${options.prefix}`,
      });
    }
    this.#options = options;
    this.#address = parseRedisUrl(options.url);
    this.#keys = new Keys(options.prefix);
    this.#loadDriver = loadDriver;
    this.#trouble = new LogThrottle((count, { path, error }) => {
      options.logger.warn('a stream could not be read from the log', { path, count, reason: (error as Error).message });
    });
    this.#restoredBytes = new LogThrottle((count, { path, offset, bytes }) => {
      options.logger.warn('bytes lost by the log were restored', { path, offset, bytes, count });
    });
    this.#restoredStreams = new LogThrottle((count, { path, offset, bytes }) => {
      options.logger.warn('a stream lost by the log was restored', { path, offset, bytes, count });
    });
    this.#forked = new LogThrottle((count, { path, nodeEnd, logEnd }) => {
      options.logger.warn('the log and this node have different bytes: the stream gets a new generation', {
        path,
        node_end: nodeEnd,
        log_end: logEnd,
        count,
      });
    });
    const run = (script: Script, keys: readonly string[], args: readonly Argument[], deadline?: number) =>
      this.#requireEngine().run(script, keys, args, deadline);
    this.#index = new StreamIndex(
      { index: this.#keys.index, run, send: (key, args) => this.#requireEngine().send(key, args) },
      async ({ path, generation }) => (await this.#state(path))?.generation === generation,
    );
    this.#host = {
      name: this.#address.name,
      limits: options.limits,
      deadline: options.deadline,
      memoryOf: (sink) => this.#memoryOf(sink),
      keys: (path, generation) => this.#keys.all(path, generation),
      run,
      subscribe: (subscriber) => this.#requireEngine().subscribe(subscriber),
      unsubscribe: (subscriber) => this.#engine?.unsubscribe(subscriber),
      limitReads: (read) => this.#readSlots.run(read),
      expire: (path, generation) => this.#expire(path, generation),
      replace: (path, generation) => this.#replace(path, generation),
      enlist: (path, generation) => this.#index.add({ path, generation }),
      healed: () => {
        this.#heals++;
      },
      restoredBytes: (what) => this.#restoredBytes.add(what),
      restoredStream: (what) => this.#restoredStreams.add(what),
      forked: (what) => {
        this.#forks++;
        this.#forked.add(what);
      },
      retried: () => {
        this.#retries++;
      },
      failed: (path, error) => this.#trouble.add({ path, error }),
      closed: (follower) => this.#forget(follower),
      buffers: new CallBuffers(),
      newTag: () => `${this.#instance}.${++this.#batches}`,
      follower: (path, generation) => this.#followers.get(keyOf(path, generation)),
      idle: (appender) => this.#appenders.delete(keyOf(appender.path, appender.generation)),
    };
  }

  get name(): string {
    return this.#address.name;
  }

  get state(): LogState {
    const engine = this.#engine;
    if (engine === undefined) return { isConnected: false, since: this.#since, problem: 'not started' };
    const { isConnected, since, problem } = engine;
    return { isConnected, since, problem };
  }

  get counters(): LogCounters {
    return { retries: this.#retries + (this.#engine?.retries ?? 0), heals: this.#heals, forks: this.#forks };
  }

  async start(): Promise<void> {
    const driver = await this.#loadDriver(this.name);
    const engine = new Engine({
      address: this.#address,
      driver,
      probe: { key: this.#keys.index, script: SCRIPTS.probe },
      deadline: this.#options.deadline,
      onState: () => this.onState?.(),
      onWarning: (reason) => this.#options.logger.warn('log is not safe', { log: this.name, reason }),
      onFull: (reason) => this.#options.logger.warn('log is full', { log: this.name, reason }),
    });
    this.#engine = engine;
    await engine.start();
  }

  async find(path: string): Promise<StreamState | undefined> {
    const stored = await this.#state(path);
    return stored === undefined ? undefined : streamStateOf(path, stored);
  }

  async create(stream: NewStream): Promise<{ stream: StreamState; isNew: boolean }> {
    const { path } = stream;
    const { now, stored } = await this.#lookUp(path);
    if (stored !== undefined) return { stream: streamStateOf(path, stored), isNew: false };
    const generation = newGeneration(now);
    const tag = this.#host.newTag();
    await this.#index.reserve(path, generation, this.#options.limits.maxStreams);
    for (;;) {
      const chunks = stream.chunks ?? [];
      const first = [
        Buffer.concat(chunks),
        `${chunks.length} ${textOfLengths(chunks)}`,
        stream.isEnded === true ? '1' : '',
      ];
      const args = [generation, ...termsOf(stream), tag, ...first];
      const { code, rest } = partsOf(await this.#host.run(SCRIPTS.create, this.#keys.all(path, generation), args));
      if (code === 'EXPIRED') {
        await this.#expire(path, textOf(rest[0]));
        continue;
      }
      const state = streamStateOf(path, parseState(rest[0]!));
      // A repeated call finds the stream that it created.
      const isNew = state.generation === generation;
      if (isNew) await this.#index.add({ path, generation });
      else await this.#index.remove({ path, generation });
      return { stream: state, isNew };
    }
  }

  append(batch: LogBatch): Promise<Appended> {
    return this.#appender(batch.path, batch.generation).append(batch);
  }

  async finish(path: string, generation: string, end: LogEnd): Promise<StreamState> {
    const state = await this.#appender(path, generation).finish(end);
    if (end.reason !== 'ended') await this.#index.remove({ path, generation });
    return state;
  }

  async update(path: string, generation: string, { claim, isTouched }: StreamChange): Promise<StreamState> {
    const args = [generation, isTouched === true ? '1' : ''];
    if (claim !== undefined) args.push('1', claim.from, ...termsOf(claim.terms));
    const keys = this.#keys.all(path, generation);
    for (;;) {
      const { code, rest } = partsOf(await this.#host.run(SCRIPTS.update, keys, args));
      if (code === 'OK') {
        const stored = parseState(rest[0]!);
        this.#followers.get(keyOf(path, generation))?.changed(stored);
        return streamStateOf(path, stored);
      }
      if (code === 'RECREATED') {
        throw createError('STREAM_RECREATED', { expected: generation, actual: textOf(rest[0]) });
      }
      if (code === 'EXPIRED') await this.#expire(path, generation);
      const follower = this.#followers.get(keyOf(path, generation));
      if (code !== 'NOSTREAM' || follower?.hasJoined !== true || textOf(rest[0]) !== '') {
        throw createError('STREAM_NOT_FOUND', { path });
      }
      await follower.read();
    }
  }

  follow(path: string, generation: string, sink: LogSink): LogFollower {
    const key = keyOf(path, generation);
    this.#followers.get(key)?.close();
    const follower = new Follower(this.#host, path, generation, sink);
    this.#followers.set(key, follower);
    this.#followersOfPaths.set(path, follower);
    return follower;
  }

  async list(directory: string, after: string | undefined, limit: number): Promise<readonly LogChild[]> {
    const found: LogChild[] = [];
    let cursor = after;
    while (found.length < limit) {
      const { children, isWhole, now } = await this.#index.list(directory, cursor, limit - found.length);
      const states = await this.#states(children.map(({ member }) => member.path));
      for (const [n, { name, member, isDirectory }] of children.entries()) {
        const stored = states[n];
        const isThere = stored?.generation === member.generation;
        // Orphaned members are removed when encountered; a directory with only orphans disappears with the last one.
        if (!isThere) await this.#index.forget(member, now);
        if (isDirectory ? !isThere && (await this.#isEmptied(directory, name)) : !isThere) continue;
        if (found.at(-1)?.name === name) continue;
        found.push({ name, stream: isDirectory ? undefined : streamStateOf(member.path, stored!) });
      }
      if (isWhole) break;
      cursor = children.at(-1)?.name;
    }
    return found;
  }

  async close(): Promise<void> {
    for (const follower of [...this.#followers.values()]) follower.close();
    this.#engine?.close();
    for (const throttle of [this.#trouble, this.#restoredBytes, this.#restoredStreams, this.#forked]) throttle.flush();
  }

  /** Whether a directory has become empty after its orphaned members were removed. */
  async #isEmptied(directory: string, name: string): Promise<boolean> {
    const path = `${directory === '/' ? '' : directory}/${name}`;
    return (await this.list(path, undefined, 1)).length === 0;
  }

  #requireEngine(): Engine {
    if (this.#engine === undefined) {
      throw createError('LOG_UNAVAILABLE', { log: this.name, reason: 'it has not been started' });
    }
    return this.#engine;
  }

  /** The state of the stream at a path. A stream that the engine has lost is first restored, if this node has it. */
  async #state(path: string): Promise<StoredStream | undefined> {
    return (await this.#lookUp(path)).stored;
  }

  /** Like {@link #state}, with the time by the clock of Redis. */
  async #lookUp(path: string): Promise<{ stored: StoredStream | undefined; now: number }> {
    for (let attempt = 0; ; attempt++) {
      const reply = await this.#host.run(SCRIPTS.state, [this.#keys.stream(path)], []);
      const { code, rest } = partsOf(reply);
      if (code === 'OK') {
        const stored = parseState(rest[0]!);
        return { stored, now: stored.now };
      }
      if (code === 'EXPIRED') {
        await this.#expire(path, textOf(rest[0]));
        continue;
      }
      const follower = this.#followersOfPaths.get(path);
      if (follower?.hasJoined !== true || textOf(rest[0]) !== '' || attempt > 0) {
        return { stored: undefined, now: Number(textOf(rest[1])) };
      }
      await follower.read();
    }
  }

  /**
   * Like {@link #state}, for several paths. In a cluster their keys are in different slots, so each is queried
   * separately.
   */
  async #states(paths: readonly string[]): Promise<readonly (StoredStream | undefined)[]> {
    if (this.#address.mode === 'cluster') return Promise.all(paths.map((path) => this.#state(path)));
    const groups: Promise<(StoredStream | undefined)[]>[] = [];
    for (let at = 0; at < paths.length; at += MAX_LOOKUPS_PER_CALL) {
      groups.push(this.#statesTogether(paths.slice(at, at + MAX_LOOKUPS_PER_CALL)));
    }
    return (await Promise.all(groups)).flat();
  }

  async #statesTogether(paths: readonly string[]): Promise<(StoredStream | undefined)[]> {
    const keys = paths.map((path) => this.#keys.stream(path));
    const replies = (await this.#host.run(SCRIPTS.states, keys, [])) as readonly Buffer[];
    const states = replies.map((reply) => (reply.length === 0 ? undefined : parseState(reply)));
    // Lost streams are restored and expired ones removed.
    for (const [n, path] of paths.entries()) states[n] ??= await this.#state(path);
    return states;
  }

  #memoryOf(sink: LogSink): MirrorMemory {
    let memory = this.#mirrors.get(sink);
    if (memory === undefined) {
      memory = {
        tags: new Tags(this.#names),
        tag: sink.endOffset === 0 ? '' : undefined,
        chunkCount: 0,
        completed: undefined,
      };
      this.#mirrors.set(sink, memory);
    }
    return memory;
  }

  #appender(path: string, generation: string): Appender {
    const key = keyOf(path, generation);
    const known = this.#appenders.get(key);
    if (known !== undefined) return known;
    const appender = new Appender(this.#host, path, generation);
    this.#appenders.set(key, appender);
    return appender;
  }

  #forget(follower: Follower): void {
    const key = keyOf(follower.path, follower.generation);
    if (this.#followers.get(key) === follower) this.#followers.delete(key);
    if (this.#followersOfPaths.get(follower.path) === follower) this.#followersOfPaths.delete(follower.path);
    this.#engine?.unsubscribe(follower);
  }

  async #expire(path: string, generation: string): Promise<{ due: number; now: number } | undefined> {
    const keys = this.#keys.all(path, generation);
    const args = [generation, 'expired', '0', '', '', ''];
    const { code, rest } = partsOf(await this.#host.run(SCRIPTS.finish, keys, args));
    if (code !== 'NOTDUE') {
      await this.#index.remove({ path, generation });
      return undefined;
    }
    const { ttl, usedAt, expiresAt, now } = parseState(rest[0]!);
    const idle = ttl === undefined ? Number.POSITIVE_INFINITY : usedAt + ttl;
    return { due: Math.min(idle, expiresAt ?? Number.POSITIVE_INFINITY), now };
  }

  async #replace(path: string, generation: string): Promise<void> {
    const [seconds] = (await this.#requireEngine().send(this.#keys.stream(path), ['TIME'])) as readonly Buffer[];
    const next: Member = { path, generation: newGeneration(Number(String(seconds)) * 1000) };
    const keys = [...this.#keys.all(path, generation).slice(0, 2), this.#keys.bytes(path, next.generation)];
    await this.#index.add(next);
    const { code } = partsOf(await this.#host.run(SCRIPTS.replace, keys, [generation, next.generation]));
    await this.#index.remove(code === 'OK' ? { path, generation } : next);
  }
}

function keyOf(path: string, generation: string): string {
  return `${path}\0${generation}`;
}

function termsOf({ retention, ttl, expiresAt, facts }: StreamTerms): string[] {
  return [
    String(retention),
    ttl === undefined ? '' : String(ttl),
    expiresAt === undefined ? '' : String(expiresAt),
    facts,
  ];
}
