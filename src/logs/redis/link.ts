/** A connection to one server, opened on demand, reopened after a loss, and monitored by heartbeats. */
import { type Argument, ConnectionLost, type MessageListener, type RedisConnection, type Reply } from './driver.ts';

/** Milliseconds between two heartbeats. */
const HEARTBEAT_MS = 1000;

/**
 * Milliseconds without a reply after which a connection is closed: the server may be stopped, or the network down.
 */
const MAX_SILENCE_MS = 4000;

export class Link {
  /** Called when an established connection ends. */
  onLost: ((reason: string) => void) | undefined;
  onMoved: ((channel: string) => void) | undefined;
  readonly #connect: () => Promise<RedisConnection>;
  #connection: RedisConnection | undefined;
  #connecting: Promise<RedisConnection> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The number of pending commands, and since when no reply has arrived. */
  #pending = 0;
  #silentSince = 0;
  #isClosed = false;

  constructor(connect: () => Promise<RedisConnection>) {
    this.#connect = connect;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** @throws ReplyError, ConnectionLost */
  async open(): Promise<void> {
    await this.#get();
  }

  async send(args: readonly Argument[]): Promise<Reply> {
    const connection = this.#connection ?? (await this.#get());
    return this.#counted(connection.send(args));
  }

  async subscribe(channels: readonly string[], onMessage: MessageListener): Promise<void> {
    const connection = this.#connection ?? (await this.#get());
    return this.#counted(connection.subscribe(channels, onMessage));
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#connection?.unsubscribe(channel);
  }

  /** Fails pending commands; the next call reconnects. */
  drop(reason: string): void {
    this.#connection?.close(reason);
  }

  close(): void {
    this.#isClosed = true;
    this.drop('closed');
  }

  async #counted<T>(reply: Promise<T>): Promise<T> {
    if (this.#pending++ === 0) this.#silentSince = performance.now();
    try {
      return await reply;
    } finally {
      this.#pending--;
      this.#silentSince = performance.now();
    }
  }

  async #get(): Promise<RedisConnection> {
    if (this.#isClosed) throw new ConnectionLost('closed');
    if (this.#connection !== undefined) return this.#connection;
    this.#connecting ??= this.#make().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #make(): Promise<RedisConnection> {
    const connection = await this.#connect();
    if (this.#isClosed) {
      connection.close();
      throw new ConnectionLost('closed');
    }
    this.#connection = connection;
    this.#pending = 0;
    connection.onMoved = (channel) => this.onMoved?.(channel);
    connection.onClosed = (reason) => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      clearInterval(this.#timer);
      this.onLost?.(reason);
    };
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#heartbeat(connection), HEARTBEAT_MS);
    this.#timer.unref();
    return connection;
  }

  #heartbeat(connection: RedisConnection): void {
    if (this.#pending === 0) this.#counted(connection.send(['PING'])).catch(() => undefined);
    else if (performance.now() - this.#silentSince > MAX_SILENCE_MS)
      connection.close(`no reply for ${MAX_SILENCE_MS} ms`);
  }
}
