/**
 * Commands to whichever server has their key, repeated until they are answered or their time is over, and subscriptions that
 * last: over cut connections, failovers and slots that move.
 *
 * All that is sent may be repeated: scripts know a batch by its number, and the rest only asks.
 */
import { createError } from '../../errors/index.ts';
import type { RedisAddress, ServerAddress } from './address.ts';
import { type Argument, ConnectionLost, type RedisDriver, type Reply, ReplyError } from './driver.ts';
import { Link } from './link.ts';
import type { Script } from './scripts.ts';
import { slotOf } from './slots.ts';
import { createTopology, keyOf, type Topology } from './topology.ts';

/** Milliseconds for a connection to be ready. */
const CONNECT_MS = 3000;

/** Milliseconds between attempts: the first, and the longest. */
const PAUSE_MS = { first: 20, longest: 250 } as const;

/** Milliseconds between two looks at whether all is well. */
const LOOK_MS = 500;

/** Milliseconds between two looks at what is set on the servers. */
const SETTINGS_MS = 30_000;

/** What goes away by waiting, asking another server or both. */
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

/** After these the server may not be the one to ask. */
const ELSEWHERE = ['READONLY', 'NOREPLICAS', 'MASTERDOWN', 'CLUSTERDOWN', 'LOADING'];

/** A server that answers so may say nothing of it to a question, nor to PING. */
const REFUSES_WRITES = [...ELSEWHERE, 'MISCONF'];

/** What refusals mean, in words of ours: what is wrong, and what would be right. */
const MEANING: Readonly<Record<string, string>> = {
  NOAUTH: 'it wants a password, and none is given',
  WRONGPASS: 'user name or password are wrong',
  NOPERM: 'the user may not run what is needed, or not on these keys and channels: see docs/cluster.md',
  READONLY:
    'it is a replica, which takes no writes: give the address of the master, or of Sentinels with sentinel=NAME',
  DENIED: 'it is in protected mode and takes nothing from other machines: give it a password (requirepass), or a user',
  LOADING: 'it reads what it has saved, and takes nothing before it is done',
  MISCONF: 'it cannot save what it has, and so takes no writes: its log and disk say why (INFO persistence)',
  NOREPLICAS: 'no replica follows it, and it takes no writes without (min-replicas-to-write)',
  MASTERDOWN: 'it is a replica whose master is away',
  CLUSTERDOWN:
    'the cluster is down: slots of it lie on no master that is there (redis-cli --cluster check, CLUSTER ADDSLOTS)',
};

/** What happens on a channel. */
export interface Subscriber {
  readonly channel: string;
  message(message: Buffer): void;
  /** From now on every message comes; those before may have been missed. Called again whenever that was interrupted. */
  subscribed(): void;
  /** Messages are missed until it is subscribed again. */
  interrupted(): void;
}

interface Server {
  readonly address: ServerAddress;
  readonly commands: Link;
  readonly tail: Link;
  readonly subscribers: Map<string, Subscriber>;
}

export interface EngineOptions {
  readonly address: RedisAddress;
  readonly driver: RedisDriver;
  /** A key and a script on it that shows whether appends would be taken, and changes nothing. */
  readonly probe: { readonly key: string; readonly script: Script };
  /** Milliseconds for which a call is repeated. */
  readonly deadline: number;
  readonly onState: () => void;
  /** Something is set in a way that loses streams, or could not be looked at. */
  readonly onWarning: (reason: string) => void;
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
  /** What is wrong with the servers' settings. */
  #unsafe: string | undefined;
  #settingsSeenAt = Number.NEGATIVE_INFINITY;
  #hasSaidUnseen = false;
  /** It has refused a write, and not taken any since. */
  #refusesWrites = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#topology = createTopology(options.address, (address) => this.#guideTo(address));
  }

  get name(): string {
    return this.#options.address.name;
  }

  /** @throws LOG_REFUSED for what waiting does not mend */
  async start(): Promise<void> {
    try {
      const [server] = await this.#topology.servers();
      const answer = await this.#serverAt(server!).commands.send(['COMMAND', 'INFO', 'SSUBSCRIBE']);
      if (Array.isArray(answer) && (answer[0] === null || (Array.isArray(answer[0]) && answer[0].length === 0))) {
        throw this.#refused('it has no sharded pub/sub: Redis from 7.0 or Valkey is needed');
      }
      await this.#probe();
      this.#isUp();
      await this.#lookAtSettings();
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

  /** Runs a script where its first key lies. @throws LOG_UNAVAILABLE, LOG_FULL */
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
        if (error instanceof ReplyError && error.code === 'OOM') throw createError('LOG_FULL', { log: this.name });
        if (!isTransient(error)) throw this.#unavailable(reasonOf(error));
        this.retries++;
        if (redirected !== undefined && attempt < 8) continue;
        const left = until - performance.now();
        if (left <= 0) throw this.#unavailable(reasonOf(error));
        await pause(Math.min(pauseOf(attempt), left));
      }
    }
  }

  /** What an error says of where things are. @returns where to ask next, where it says that */
  #learn(error: ReplyError | ConnectionLost, slot: number): { address: ServerAddress; isAsking: boolean } | undefined {
    if (!(error instanceof ReplyError)) {
      this.#topology.doubt();
      this.#isDown(error.message);
      return undefined;
    }
    const redirection = redirectionOf(error);
    if (redirection !== undefined) {
      const address = { host: redirection[2]!.replace(/^\[(.*)\]$/, '$1'), port: Number(redirection[3]) };
      // A node that does not know its own name gives the port alone.
      if (address.host === '') return undefined;
      if (redirection[1] === 'MOVED') this.#topology.moved(slot, address);
      return { address, isAsking: redirection[1] === 'ASK' };
    }
    if (ELSEWHERE.includes(error.code)) this.#topology.doubt();
    if (REFUSES_WRITES.includes(error.code)) {
      this.#refusesWrites = true;
      this.#isDown(reasonOf(error));
    }
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
    };
    server.commands.onLost = (reason) => {
      this.#topology.doubt();
      this.#isDown(reason);
    };
    server.tail.onLost = (reason) => {
      this.#topology.doubt();
      this.#isDown(reason);
      this.#reattach(server, [...server.subscribers.values()]);
    };
    server.tail.onMoved = (channel) => {
      this.#topology.doubt();
      const subscriber = server.subscribers.get(channel);
      if (subscriber !== undefined) this.#reattach(server, [subscriber]);
    };
    this.#servers.set(key, server);
    return server;
  }

  #guideTo(address: ServerAddress): Link {
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
    if (mode !== 'sentinel') return connection;
    // A master that was, and has not been told yet, would take appends that are lost when it is.
    const role = await connection.send(['ROLE']);
    if (Array.isArray(role) && String(role[0]) === 'master') return connection;
    connection.close();
    throw new ConnectionLost(`${keyOf(address)} is no master`);
  }

  #reattach(server: Server, subscribers: readonly Subscriber[]): void {
    for (const subscriber of subscribers) {
      if (server.subscribers.get(subscriber.channel) === subscriber) server.subscribers.delete(subscriber.channel);
      void this.#attach(subscriber);
    }
  }

  /** Subscribes where the channel lies now, for as long as that takes. */
  async #attach(subscriber: Subscriber): Promise<void> {
    const { channel } = subscriber;
    const slot = slotOf(channel);
    for (let attempt = 0; this.#isWanted(subscriber); attempt++) {
      let server: Server | undefined;
      try {
        server = this.#serverAt(await this.#topology.serverOf(slot));
        if (!this.#isWanted(subscriber)) return;
        server.subscribers.set(channel, subscriber);
        await server.tail.subscribe([channel], (message) => {
          if (server?.subscribers.get(channel) === subscriber) subscriber.message(message);
        });
        if (!this.#isWanted(subscriber)) {
          void server.tail.unsubscribe(channel);
          return;
        }
        // Another attempt may have begun, where the connection was lost right behind the answer.
        if (server.subscribers.get(channel) === subscriber) subscriber.subscribed();
        return;
      } catch (error) {
        // Where it is not there any more, another attempt is under way.
        if (server !== undefined && !server.subscribers.delete(channel)) return;
        if (!isOfRedis(error)) throw error;
        this.#learn(error, slot);
        this.retries++;
        await pause(pauseOf(attempt));
      }
    }
  }

  #isWanted(subscriber: Subscriber): boolean {
    return !this.#isClosed && this.#subscribers.get(subscriber.channel) === subscriber;
  }

  /** Finds out whether the log is there while nothing is asked of it, and whether another server is the master now. */
  #watch(): void {
    if (this.#isClosed) return;
    this.#watching = setTimeout(() => void this.#look().finally(() => this.#watch()), LOOK_MS);
    this.#watching.unref();
  }

  async #look(): Promise<void> {
    try {
      if (this.#options.address.mode === 'sentinel') this.#topology.doubt();
      const now = await this.#topology.servers();
      const keys = new Set(now.map(keyOf));
      for (const [key, server] of this.#servers) {
        if (keys.has(key)) continue;
        server.commands.drop('another server has taken its place');
        server.tail.drop('another server has taken its place');
      }
      if (!this.isConnected) {
        await Promise.all(now.map((address) => this.#serverAt(address).commands.send(['PING'])));
        await this.#probe();
        this.#isUp();
      }
      if (performance.now() - this.#settingsSeenAt > SETTINGS_MS) await this.#lookAtSettings();
    } catch (error) {
      if (!isOfRedis(error)) throw error;
      this.#isDown(reasonOf(error));
    }
  }

  /** @throws ReplyError where appends would be refused */
  async #probe(): Promise<void> {
    const { key, script } = this.#options.probe;
    const { commands } = this.#serverAt(await this.#topology.serverOf(slotOf(key)));
    try {
      await commands.send(['EVAL', script.text, '1', key]);
      this.#refusesWrites = false;
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      if (redirectionOf(error) !== undefined) this.#topology.doubt();
      else {
        this.#refusesWrites = true;
        throw error;
      }
    }
  }

  /** Settings can be changed at any time, and a server that has taken over has its own. */
  async #lookAtSettings(): Promise<void> {
    try {
      const servers = await this.#topology.servers();
      const told = await Promise.all(servers.map((at) => this.#serverAt(at).commands.send(['INFO', 'memory'])));
      this.#settingsSeenAt = performance.now();
      const policy = told.map(evictionOf).find((each) => each !== undefined);
      const unsafe =
        policy === undefined
          ? undefined
          : `it evicts keys when its memory is full (maxmemory-policy ${policy}), and with them streams: set noeviction`;
      if (unsafe !== undefined && unsafe !== this.#unsafe) this.#options.onWarning(unsafe);
      this.#unsafe = unsafe;
      if (this.isConnected) this.problem = unsafe;
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#settingsSeenAt = performance.now();
      if (this.#hasSaidUnseen) return;
      this.#hasSaidUnseen = true;
      this.#options.onWarning(
        'whether it evicts keys could not be looked at (INFO memory is refused): maxmemory-policy has to be noeviction',
      );
    }
  }

  #isUp(): void {
    if (this.isConnected) return;
    this.isConnected = true;
    this.problem = this.#unsafe;
    this.since = Date.now();
    this.#options.onState();
  }

  #isDown(problem: string): void {
    if (this.#isClosed) return;
    const wasConnected = this.isConnected;
    this.isConnected = false;
    this.problem = problem;
    this.#settingsSeenAt = Number.NEGATIVE_INFINITY;
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

function isOfRedis(error: unknown): error is ReplyError | ConnectionLost {
  return error instanceof ReplyError || error instanceof ConnectionLost;
}

function redirectionOf({ message }: ReplyError): RegExpExecArray | undefined {
  return /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(message) ?? undefined;
}

function isTransient(error: ReplyError | ConnectionLost): boolean {
  return error instanceof ConnectionLost || TRANSIENT.includes(error.code);
}

/** What the server said, in the words that are ours where they might name a user. */
function reasonOf(error: ReplyError | ConnectionLost): string {
  if (error instanceof ReplyError && error.message.includes('without any password configured')) {
    return 'it asks for no password, and one is given: is it the server that is meant?';
  }
  return (error instanceof ReplyError && MEANING[error.code]) || error.message;
}

/** The policy by which a server gives up keys, where it may. Without a bound of its memory it never does. */
function evictionOf(info: Reply): string | undefined {
  const [, bound] = /^maxmemory:(\d+)/m.exec(String(info)) ?? [];
  const [, policy] = /^maxmemory_policy:(\S+)/m.exec(String(info)) ?? [];
  return bound === '0' || policy === 'noeviction' ? undefined : policy;
}

function refusalOf(error: unknown): string | undefined {
  if (error instanceof ReplyError) {
    if (TRANSIENT.includes(error.code)) return undefined;
    return reasonOf(error);
  }
  if (error instanceof ConnectionLost && /CERT|SELF_SIGNED|ERR_TLS|ERR_SSL|EPROTO/.test(error.message)) {
    return `TLS: ${error.message}`;
  }
  return undefined;
}

function pauseOf(attempt: number): number {
  return Math.min(PAUSE_MS.first * 2 ** Math.min(attempt, 10), PAUSE_MS.longest) * (0.75 + Math.random() / 2);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
