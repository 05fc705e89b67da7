/**
 * Sends commands to the server that has their key, repeating them until a reply or the deadline. Keeps subscriptions
 * alive over cut connections, failovers and slot migrations.
 *
 * All commands may be repeated: scripts recognize a batch by its number, and all other commands only read.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createError } from '../../errors/index.ts';
import type { RedisAddress, ServerAddress } from './address.ts';
import {
  type Argument,
  ConnectionLost,
  type RedisConnection,
  type RedisDriver,
  type Reply,
  ReplyError,
} from './driver.ts';
import { Link } from './link.ts';
import type { Script } from './scripts.ts';
import { Semaphore } from './semaphore.ts';
import { slotOf } from './slots.ts';
import { createTopology, keyOf, type Topology } from './topology.ts';

/** Milliseconds until a connection must be ready. */
const CONNECT_MS = 3000;

/** Milliseconds between attempts: the first, and the maximum. */
const PAUSE_MS = { first: 20, longest: 250 } as const;

/** Milliseconds between two health checks. */
const CHECK_MS = 500;

/** Milliseconds between two checks of the servers' settings. */
const SETTINGS_MS = 30_000;

/** Errors that pass after waiting, with another server, or both. */
const TRANSIENT = [
  'LOADING',
  'READONLY',
  'NOREPLICAS',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'BUSY',
  'MISCONF',
  'MOVED',
  'ASK',
];

/** Errors after which another server may be responsible. */
const WRONG_SERVER = ['READONLY', 'NOREPLICAS', 'MASTERDOWN', 'CLUSTERDOWN', 'LOADING'];

/** Errors of writes that reads and PING on the same server may not show. */
const REFUSES_WRITES = [...WRONG_SERVER, 'MISCONF'];

/** Errors of a connection that may run nothing: the password may have changed. */
const REFUSES_ACCESS = ['NOAUTH', 'WRONGPASS', 'DENIED'];

/** The problem of a server that refuses what takes memory. */
const FULL = 'it has no memory left (maxmemory), and refuses appends until streams are removed or maxmemory is raised';

/** Maximum subscriptions of one server that wait for their reply. */
const MAX_CONCURRENT_SUBSCRIPTIONS = 256;

/** Explanations of refusals: the fault, and the remedy. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  NOAUTH: 'it requires a password, and none is given',
  WRONGPASS: 'user name or password are wrong',
  NOPERM: 'the user may not run what is needed, or not on these keys and channels: see docs/cluster.md',
  READONLY: 'it is a replica, which refuses writes: give the address of the master, or of Sentinels with sentinel=NAME',
  DENIED: 'it is in protected mode and refuses other machines: give it a password (requirepass), or a user',
  LOADING: 'it is loading its data set and accepts commands once that is done',
  MISCONF: 'it cannot save its data and therefore refuses writes: its log and disk show why (INFO persistence)',
  NOREPLICAS: 'no replica follows it, and it refuses writes without one (min-replicas-to-write)',
  MASTERDOWN: 'it is a replica whose master is unreachable',
  CLUSTERDOWN: 'the cluster is down: some slots have no reachable master (redis-cli --cluster check, CLUSTER ADDSLOTS)',
};

/** The subscriber of a channel. */
export interface Subscriber {
  readonly channel: string;
  message(message: Buffer): void;
  /** From now on every message arrives; earlier ones may have been missed. Called again after each interruption. */
  subscribed(): void;
}

interface Server {
  readonly address: ServerAddress;
  readonly commands: Link;
  readonly tail: Link;
  readonly subscribers: Map<string, Subscriber>;
  /** Limits concurrent subscriptions, so that those of all streams do not block the event loop after a reconnect. */
  readonly attaching: Semaphore;
}

export interface EngineOptions {
  readonly address: RedisAddress;
  readonly driver: RedisDriver;
  /** A key, and a script on it that checks whether appends would be accepted, without any change. */
  readonly probe: { readonly key: string; readonly script: Script };
  /** Milliseconds for which a call is repeated. */
  readonly deadline: number;
  readonly onState: () => void;
  /** A setting endangers streams, or could not be read. */
  readonly onWarning: (reason: string) => void;
  /** A server has refused an append because it is full. */
  readonly onFull: (reason: string) => void;
}

export class Engine {
  isConnected = false;
  problem: string | undefined = 'not connected yet';
  since = Date.now();
  retries = 0;
  readonly #options: EngineOptions;
  readonly #topology: Topology;
  readonly #servers = new Map<string, Server>();
  readonly #subscribers = new Map<string, Subscriber>();
  #isClosed = false;
  #watching: NodeJS.Timeout | undefined;
  /** The problem in the servers' settings, if any. */
  #unsafe: string | undefined;
  /** A server has refused a command because it is full, and still was at the last check. */
  #isFull = false;
  #toldFullAt = Number.NEGATIVE_INFINITY;
  #settingsCheckedAt = Number.NEGATIVE_INFINITY;
  #hasWarnedUnchecked = false;
  /** Redis has refused a write, and accepted none since. */
  #refusesWrites = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#topology = createTopology(options.address, (address) => this.#linkToSeed(address));
  }

  get name(): string {
    return this.#options.address.name;
  }

  /** @throws LOG_REFUSED for problems that waiting does not solve */
  async start(): Promise<void> {
    try {
      const [server] = await this.#topology.servers();
      const reply = await this.#serverAt(server!).commands.send(['COMMAND', 'INFO', 'SSUBSCRIBE']);
      if (Array.isArray(reply) && (reply[0] === null || (Array.isArray(reply[0]) && reply[0].length === 0))) {
        throw this.#refused('it has no sharded pub/sub: Redis from 7.0 or Valkey is needed');
      }
      await this.#probe();
      this.#isUp();
      await this.#checkSettings();
    } catch (error) {
      const reason = refusalOf(error);
      if (reason !== undefined) {
        this.close();
        throw this.#refused(reason);
      }
      if (!isOfRedis(error)) throw error;
      this.#isDown(reasonOf(error));
    }
    this.#watch();
  }

  /**
   * Runs a script on the server that has its first key.
   *
   * @throws LOG_UNAVAILABLE, LOG_FULL
   */
  run(script: Script, keys: readonly string[], args: readonly Argument[], deadline?: number): Promise<Reply> {
    const rest: Argument[] = [String(keys.length), ...keys, ...args];
    return this.#repeat(
      slotOf(keys[0]!),
      async (link, isAsking) => {
        if (isAsking) void link.send(['ASKING']).catch(() => undefined);
        try {
          return await link.send(['EVALSHA', script.sha, ...rest]);
        } catch (error) {
          if (!(error instanceof ReplyError) || error.code !== 'NOSCRIPT') throw error;
          if (isAsking) void link.send(['ASKING']).catch(() => undefined);
          return link.send(['EVAL', script.text, ...rest]);
        }
      },
      deadline,
    );
  }

  send(key: string, args: readonly Argument[]): Promise<Reply> {
    return this.#repeat(slotOf(key), (link) => link.send(args));
  }

  subscribe(subscriber: Subscriber): void {
    this.#subscribers.set(subscriber.channel, subscriber);
    void this.#attach(subscriber);
  }

  unsubscribe(subscriber: Subscriber): void {
    const { channel } = subscriber;
    if (this.#subscribers.get(channel) !== subscriber) return;
    this.#subscribers.delete(channel);
    for (const server of this.#servers.values()) {
      if (server.subscribers.get(channel) !== subscriber) continue;
      server.subscribers.delete(channel);
      void server.tail.unsubscribe(channel);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#watching);
    this.#topology.close();
    for (const { commands, tail } of this.#servers.values()) {
      commands.close();
      tail.close();
    }
  }

  async #repeat(
    slot: number,
    ask: (link: Link, isAsking: boolean) => Promise<Reply>,
    deadline?: number,
  ): Promise<Reply> {
    const until = performance.now() + (deadline ?? this.#options.deadline);
    let redirected: { address: ServerAddress; isAsking: boolean } | undefined;
    for (let attempt = 0; ; attempt++) {
      try {
        const server = this.#serverAt(redirected?.address ?? (await this.#topology.serverOf(slot)));
        const reply = await ask(server.commands, redirected?.isAsking ?? false);
        if (!this.#refusesWrites) this.#isUp();
        return reply;
      } catch (error) {
        if (!isOfRedis(error)) throw error;
        if (this.#isClosed) throw this.#unavailable('it was closed');
        redirected = this.#learn(error, slot);
        if (error instanceof ReplyError && error.code === 'OOM') {
          this.#becameFull();
          throw createError('LOG_FULL', { log: this.name });
        }
        if (!isTransient(error)) throw this.#unavailable(reasonOf(error));
        this.retries++;
        if (redirected !== undefined && attempt < 8) continue;
        const left = until - performance.now();
        if (left <= 0) throw this.#unavailable(reasonOf(error));
        await pause(Math.min(pauseOf(attempt), left));
      }
    }
  }

  /**
   * Updates the topology after an error.
   *
   * @returns the server to ask next, if the error names one
   */
  #learn(error: ReplyError | ConnectionLost, slot: number): { address: ServerAddress; isAsking: boolean } | undefined {
    if (!(error instanceof ReplyError)) {
      this.#topology.invalidate();
      this.#isDown(error.message);
      return undefined;
    }
    const redirection = redirectionOf(error);
    if (redirection !== undefined) {
      const address = { host: redirection[2]!.replace(/^\[(.*)\]$/, '$1'), port: Number(redirection[3]) };
      // A node that does not know its own address sends only the port.
      if (address.host === '') return undefined;
      if (redirection[1] === 'MOVED') this.#topology.moved(slot, address);
      return { address, isAsking: redirection[1] === 'ASK' };
    }
    if (WRONG_SERVER.includes(error.code)) this.#topology.invalidate();
    if (REFUSES_WRITES.includes(error.code)) this.#refusesWrites = true;
    if (REFUSES_WRITES.includes(error.code) || REFUSES_ACCESS.includes(error.code)) this.#isDown(reasonOf(error));
    return undefined;
  }

  #serverAt(address: ServerAddress): Server {
    const key = keyOf(address);
    const known = this.#servers.get(key);
    if (known !== undefined) return known;
    const server: Server = {
      address,
      commands: new Link(() => this.#connect(address)),
      tail: new Link(() => this.#connect(address)),
      subscribers: new Map(),
      attaching: new Semaphore(MAX_CONCURRENT_SUBSCRIPTIONS),
    };
    server.commands.onLost = (reason) => {
      this.#topology.invalidate();
      this.#isDown(reason);
    };
    server.tail.onLost = (reason) => {
      this.#topology.invalidate();
      this.#isDown(reason);
      void this.#reattach(server, [...server.subscribers.values()]);
    };
    server.tail.onMoved = (channel) => {
      this.#topology.invalidate();
      const subscriber = server.subscribers.get(channel);
      if (subscriber !== undefined) void this.#reattach(server, [subscriber]);
    };
    this.#servers.set(key, server);
    return server;
  }

  #linkToSeed(address: ServerAddress): Link {
    const { sentinelCredentials, credentials, mode, tls } = this.#options.address;
    return new Link(() =>
      this.#options.driver.connect({
        address,
        credentials: mode === 'sentinel' ? sentinelCredentials : credentials,
        database: 0,
        tls,
        timeout: CONNECT_MS,
      }),
    );
  }

  async #connect(address: ServerAddress) {
    const { credentials, database, tls, mode } = this.#options.address;
    const connection = await this.#options.driver.connect({ address, credentials, database, tls, timeout: CONNECT_MS });
    if (credentials.password === undefined) await requireAccess(connection);
    if (mode !== 'sentinel') return connection;
    // A former master that does not know of its demotion yet would accept appends that are lost later.
    const role = await connection.send(['ROLE']);
    if (Array.isArray(role) && String(role[0]) === 'master') return connection;
    connection.close();
    throw new ConnectionLost(`${keyOf(address)} is not a master`);
  }

  async #reattach(server: Server, subscribers: readonly Subscriber[]): Promise<void> {
    for (const subscriber of subscribers) {
      if (server.subscribers.get(subscriber.channel) === subscriber) server.subscribers.delete(subscriber.channel);
    }
    for (const [n, subscriber] of subscribers.entries()) {
      if (n % MAX_CONCURRENT_SUBSCRIPTIONS === MAX_CONCURRENT_SUBSCRIPTIONS - 1) await nextTurn();
      void this.#attach(subscriber);
    }
  }

  /** Subscribes on the server that has the channel, retrying until it succeeds. */
  async #attach(subscriber: Subscriber): Promise<void> {
    const { channel } = subscriber;
    const slot = slotOf(channel);
    for (let attempt = 0; this.#isWanted(subscriber); attempt++) {
      let server: Server | undefined;
      try {
        server = this.#serverAt(await this.#topology.serverOf(slot));
        await this.#subscribeAt(server, subscriber);
        if (!this.#isWanted(subscriber)) {
          void server.tail.unsubscribe(channel);
          return;
        }
        // If the connection was lost right after the reply, another attempt may have begun.
        if (server.subscribers.get(channel) === subscriber) subscriber.subscribed();
        return;
      } catch (error) {
        // If the entry has been removed, another attempt is already running.
        if (server !== undefined && !server.subscribers.delete(channel)) return;
        if (!isOfRedis(error)) throw error;
        this.#learn(error, slot);
        this.retries++;
        await pause(pauseOf(attempt));
      }
    }
  }

  #subscribeAt(server: Server, subscriber: Subscriber): Promise<void> {
    const { channel } = subscriber;
    return server.attaching.run(async () => {
      if (!this.#isWanted(subscriber)) return;
      server.subscribers.set(channel, subscriber);
      await server.tail.subscribe([channel], (message) => {
        if (server.subscribers.get(channel) === subscriber) subscriber.message(message);
      });
    });
  }

  #isWanted(subscriber: Subscriber): boolean {
    return !this.#isClosed && this.#subscribers.get(subscriber.channel) === subscriber;
  }

  /**
   * Checks periodically whether the log is reachable while no commands are sent, and whether the master has changed.
   */
  #watch(): void {
    if (this.#isClosed) return;
    this.#watching = setTimeout(() => void this.#check().finally(() => this.#watch()), CHECK_MS);
    this.#watching.unref();
  }

  async #check(): Promise<void> {
    try {
      if (this.#options.address.mode === 'sentinel') this.#topology.invalidate();
      const now = await this.#topology.servers();
      const keys = new Set(now.map(keyOf));
      for (const [key, server] of this.#servers) {
        if (keys.has(key)) continue;
        server.commands.drop('another server has replaced it');
        server.tail.drop('another server has replaced it');
      }
      if (!this.isConnected) {
        await Promise.all(now.map((address) => this.#serverAt(address).commands.send(['PING'])));
        await this.#probe();
        this.#isUp();
      }
      const isDue = performance.now() - this.#settingsCheckedAt > SETTINGS_MS;
      if (isDue || this.#isFull) await this.#checkSettings();
    } catch (error) {
      if (!isOfRedis(error)) throw error;
      this.#isDown(reasonOf(error));
    }
  }

  /** @throws ReplyError if appends would be refused */
  async #probe(): Promise<void> {
    const { key, script } = this.#options.probe;
    const { commands } = this.#serverAt(await this.#topology.serverOf(slotOf(key)));
    try {
      await commands.send(['EVAL', script.text, '1', key]);
      this.#refusesWrites = false;
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      if (redirectionOf(error) !== undefined) this.#topology.invalidate();
      else {
        this.#refusesWrites = true;
        throw error;
      }
    }
  }

  /** Settings can change at any time, and differ between servers after a failover. */
  async #checkSettings(): Promise<void> {
    try {
      const servers = await this.#topology.servers();
      const infos = await Promise.all(servers.map((at) => this.#serverAt(at).commands.send(['INFO', 'memory'])));
      this.#settingsCheckedAt = performance.now();
      const policy = infos.map(evictionOf).find((each) => each !== undefined);
      const unsafe =
        policy === undefined
          ? undefined
          : `it evicts keys when its memory is full (maxmemory-policy ${policy}), and with them streams: set noeviction`;
      if (unsafe !== undefined && unsafe !== this.#unsafe) this.#options.onWarning(unsafe);
      this.#unsafe = unsafe;
      if (!infos.some(isFull)) this.#isFull = false;
      if (this.isConnected) this.problem = this.#problemOfSettings;
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#settingsCheckedAt = performance.now();
      this.#isFull = false;
      if (this.isConnected) this.problem = this.#problemOfSettings;
      if (this.#hasWarnedUnchecked) return;
      this.#hasWarnedUnchecked = true;
      this.#options.onWarning(
        'whether it evicts keys could not be looked at (INFO memory is refused): maxmemory-policy has to be noeviction',
      );
    }
  }

  #isUp(): void {
    if (this.isConnected) return;
    this.isConnected = true;
    this.problem = this.#problemOfSettings;
    this.since = Date.now();
    this.#options.onState();
  }

  get #problemOfSettings(): string | undefined {
    return this.#isFull ? FULL : this.#unsafe;
  }

  #becameFull(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    if (this.isConnected) this.problem = FULL;
    const now = performance.now();
    if (now - this.#toldFullAt < SETTINGS_MS) return;
    this.#toldFullAt = now;
    this.#options.onFull(FULL);
  }

  #isDown(problem: string): void {
    if (this.#isClosed) return;
    const wasConnected = this.isConnected;
    this.isConnected = false;
    this.problem = problem;
    this.#settingsCheckedAt = Number.NEGATIVE_INFINITY;
    if (!wasConnected) return;
    this.since = Date.now();
    this.#options.onState();
  }

  #unavailable(reason: string): Error {
    return createError('LOG_UNAVAILABLE', { log: this.name, reason });
  }

  #refused(reason: string): Error {
    return createError('LOG_REFUSED', { log: this.name, reason });
  }
}

/**
 * Asks a server without a password for anything. One that requires a password replies to a long command with a protocol
 * error, which does not say so.
 *
 * @throws ReplyError NOAUTH
 */
async function requireAccess(connection: RedisConnection): Promise<void> {
  try {
    await connection.send(['PING']);
  } catch (error) {
    connection.close();
    throw error;
  }
}

function isOfRedis(error: unknown): error is ReplyError | ConnectionLost {
  return error instanceof ReplyError || error instanceof ConnectionLost;
}

function redirectionOf({ message }: ReplyError): RegExpExecArray | undefined {
  return /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(message) ?? undefined;
}

function isTransient(error: ReplyError | ConnectionLost): boolean {
  return error instanceof ConnectionLost || TRANSIENT.includes(error.code);
}

/** The reason for users. Our explanations replace messages that might contain a user name. */
function reasonOf(error: ReplyError | ConnectionLost): string {
  if (error instanceof ReplyError && error.message.includes('without any password configured')) {
    return 'it asks for no password, and one is given: is it the server that is meant?';
  }
  if (error instanceof ReplyError) return EXPLANATIONS[error.code] ?? error.message;
  return isOfTls(error) ? tlsReason(error.message) : error.message;
}

function isOfTls({ message }: ConnectionLost): boolean {
  return /CERT|SELF_SIGNED|VERIFY_LEAF|ERR_TLS|ERR_SSL|EPROTO/.test(message);
}

function tlsReason(code: string): string {
  if (/SELF_SIGNED|VERIFY_LEAF|UNABLE_TO_GET_ISSUER/.test(code)) {
    return `TLS: its certificate is not trusted (${code}): give that of its authority with ca=`;
  }
  if (code.includes('ALTNAME')) {
    return `TLS: its certificate is for another name (${code}): give a name in it with servername=`;
  }
  if (code.includes('CERTIFICATE_REQUIRED')) {
    return `TLS: it requires a client certificate (${code}): give one with cert= and key=`;
  }
  return `TLS: ${code}`;
}

/** The eviction policy of a server, if it may evict keys. Without a memory limit it never does. */
function evictionOf(info: Reply): string | undefined {
  const [, bound] = /^maxmemory:(\d+)/m.exec(String(info)) ?? [];
  const [, policy] = /^maxmemory_policy:(\S+)/m.exec(String(info)) ?? [];
  return bound === '0' || policy === 'noeviction' ? undefined : policy;
}

/** Redis does not count the memory of buffers for replicas and the append-only file. */
function isFull(info: Reply): boolean {
  const numberOf = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(String(info))?.[1] ?? 0);
  const max = numberOf('maxmemory');
  return max > 0 && numberOf('used_memory') - numberOf('mem_not_counted_for_evict') >= max;
}

function refusalOf(error: unknown): string | undefined {
  if (error instanceof ReplyError) {
    if (TRANSIENT.includes(error.code)) return undefined;
    return reasonOf(error);
  }
  return error instanceof ConnectionLost && isOfTls(error) ? reasonOf(error) : undefined;
}

function pauseOf(attempt: number): number {
  return Math.min(PAUSE_MS.first * 2 ** Math.min(attempt, 10), PAUSE_MS.longest) * (0.75 + Math.random() / 2);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
