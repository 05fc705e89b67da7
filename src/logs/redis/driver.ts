/**
 * The interface to a Redis library: connections to single servers. Server selection, reconnecting and repeating are in
 * engine.ts.
 */
import type { Credentials, ServerAddress, TlsOptions } from './address.ts';

export type Reply = Buffer | number | null | readonly Reply[];

export type Argument = string | Buffer;

/** An error reply of Redis. */
export class ReplyError extends Error {
  /** The first word of the error, such as MOVED or OOM. */
  readonly code: string;

  constructor(message: string) {
    super(message);
    const text = message.startsWith('ERR ') ? message.slice(4) : message;
    this.code = /^[A-Z]+/.exec(text)?.[0] ?? 'ERR';
  }
}

/** The connection was lost before the reply: it is unknown whether the command took effect. */
export class ConnectionLost extends Error {}

export interface ConnectionOptions {
  readonly address: ServerAddress;
  readonly credentials: Credentials;
  readonly database: number;
  readonly tls: TlsOptions | undefined;
  /** Milliseconds until the connection must be ready. */
  readonly timeout: number;
}

export interface RedisConnection {
  /**
   * Sends commands in the order of the calls.
   *
   * @throws ReplyError, ConnectionLost
   */
  send(args: readonly Argument[]): Promise<Reply>;
  /** Subscribes to sharded channels. In a cluster all must be in one slot. */
  subscribe(channels: readonly string[], onMessage: MessageListener): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Called once when the connection ends, for whatever reason. */
  onClosed: ((reason: string) => void) | undefined;
  /** The server ended a subscription, because the channel has moved to another server. */
  onMoved: ((channel: string) => void) | undefined;
  close(reason?: string): void;
}

export type MessageListener = (message: Buffer, channel: string) => void;

export interface RedisDriver {
  /** @throws ReplyError, ConnectionLost */
  connect(options: ConnectionOptions): Promise<RedisConnection>;
}
