/** What is needed of a Redis library: connections to one server each. Which server, when again, what is repeated: see engine.ts. */
import type { Credentials, ServerAddress, TlsOptions } from './address.ts';

export type Reply = Buffer | number | null | readonly Reply[];

export type Argument = string | Buffer;

/** Redis' refusal of a command. */
export class ReplyError extends Error {
  /** Its first word, such as MOVED or OOM. */
  readonly code: string;

  constructor(message: string) {
    super(message);
    const text = message.startsWith('ERR ') ? message.slice(4) : message;
    this.code = /^[A-Z]+/.exec(text)?.[0] ?? 'ERR';
  }
}

/** The connection went before the answer came: whether the command took effect is not known. */
export class ConnectionLost extends Error {}

export interface ConnectionOptions {
  readonly address: ServerAddress;
  readonly credentials: Credentials;
  readonly database: number;
  readonly tls: TlsOptions | undefined;
  /** Milliseconds for it to be ready. */
  readonly timeout: number;
}

export interface RedisConnection {
  /** Commands go out in the order of the calls. @throws ReplyError, ConnectionLost */
  send(args: readonly Argument[]): Promise<Reply>;
  /** Sharded channels; of a cluster, all in one slot. */
  subscribe(channels: readonly string[], onMessage: MessageListener): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** Called once, when it is over, whichever side ended it. */
  onClosed: ((reason: string) => void) | undefined;
  /** The server ended a subscription: the channel lies elsewhere now. */
  onMoved: ((channel: string) => void) | undefined;
  close(reason?: string): void;
}

export type MessageListener = (message: Buffer, channel: string) => void;

export interface RedisDriver {
  /** @throws ReplyError, ConnectionLost */
  connect(options: ConnectionOptions): Promise<RedisConnection>;
}
