/**
 * Connections with node-redis (`@redis/client`), an optional peer dependency that is loaded only for a log on Redis.
 *
 * Each client is one connection: reconnecting, routing and repeating are decided in engine.ts, which knows what may be
 * repeated. The protocol is RESP2, because some proxies support nothing else. Subscriptions use separate connections.
 */
import { isIP } from 'node:net';
import { createError } from '../../errors/index.ts';
import {
  type Argument,
  ConnectionLost,
  type ConnectionOptions,
  type MessageListener,
  type RedisConnection,
  type RedisDriver,
  type Reply,
  ReplyError,
} from './driver.ts';

type Library = typeof import('@redis/client');

const PACKAGE = '@redis/client';
const VERSIONS = '^6.3.1';

/** @throws LOG_REFUSED with the install command */
export async function loadNodeRedis(
  name: string,
  load: () => Promise<Library> = () => import('@redis/client'),
): Promise<RedisDriver> {
  let library: Library;
  try {
    library = await load();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const reason = `its driver is not installed: run npm install "${PACKAGE}@${VERSIONS}" where streamfs is installed`;
    throw createError('LOG_REFUSED', { log: name, reason });
  }
  return { connect: (options) => connect(library, options) };
}

async function connect(library: Library, options: ConnectionOptions): Promise<RedisConnection> {
  const { address, credentials, tls, timeout } = options;
  const plain = { host: address.host, port: address.port, connectTimeout: timeout, reconnectStrategy: false as const };
  const client = library.createClient({
    RESP: 2,
    socket:
      tls === undefined
        ? plain
        : { ...plain, tls: true, ...definedOf({ ...tls, servername: tls.servername ?? nameOf(address.host) }) },
    database: options.database,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // No timeout of the library, which would cost a timer per command: link.ts closes silent connections.
    commandOptions: { typeMapping: { [library.RESP_TYPES.BLOB_STRING]: Buffer }, timeout: 0 },
    ...definedOf(credentials),
  });
  const connection = new NodeRedisConnection(client as unknown as Client, library);
  try {
    await within(timeout, client.connect());
  } catch (error) {
    connection.close();
    throw notReady(asOurs(error, library), options);
  }
  return connection;
}

/** Omits undefined options, which the library would take for values. */
function definedOf<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** The server name for the certificate check: IP addresses are not sent. */
function nameOf(host: string): string | undefined {
  return isIP(host) === 0 ? host : undefined;
}

async function within(timeout: number, connected: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ConnectionLost(`no reply within ${timeout} ms`)), timeout);
  });
  try {
    await Promise.race([connected, late]);
  } finally {
    clearTimeout(timer);
    connected.catch(() => undefined);
  }
}

/** With TLS on one side only, the server closes the connection or stays silent. */
function notReady(error: Error, { tls }: ConnectionOptions): Error {
  if (!(error instanceof ConnectionLost) || /^[A-Z0-9_]+$/.test(error.message)) return error;
  const question = tls === undefined ? 'does it require TLS (rediss://)?' : 'does it speak TLS at this port?';
  return new ConnectionLost(`it accepts connections but does not reply like Redis (${error.message}); ${question}`);
}

/** Error messages of the library contain the address, never the credentials. */
function asOurs(error: unknown, library: Library): Error {
  if (error instanceof ReplyError || error instanceof ConnectionLost) return error;
  if (error instanceof library.ErrorReply) return new ReplyError(error.message);
  return new ConnectionLost((error as NodeJS.ErrnoException).code ?? (error as Error).message);
}

/** The part of a client that is used here. Its full type has all commands of all versions. */
interface Client {
  on(event: string, listener: (...args: never[]) => void): unknown;
  sendCommand(args: readonly Argument[]): Promise<unknown>;
  sSubscribe(
    channels: readonly string[],
    listener: (message: Buffer, channel: Buffer) => void,
    asBuffers: true,
  ): Promise<unknown>;
  sUnsubscribe(channel: string): Promise<unknown>;
  destroy(): void;
}

class NodeRedisConnection implements RedisConnection {
  onClosed: ((reason: string) => void) | undefined;
  onMoved: ((channel: string) => void) | undefined;
  readonly #client: Client;
  readonly #library: Library;
  #isClosed = false;

  constructor(client: Client, library: Library) {
    this.#client = client;
    this.#library = library;
    client.on('error', (error: unknown) => this.close(asOurs(error, library).message));
    client.on('end', () => this.close('the connection was closed'));
    client.on('sharded-channel-moved', (channel: string) => this.onMoved?.(channel));
  }

  async send(args: readonly Argument[]): Promise<Reply> {
    if (this.#isClosed) throw new ConnectionLost('the connection was closed');
    try {
      return (await this.#client.sendCommand(args)) as Reply;
    } catch (error) {
      throw asOurs(error, this.#library);
    }
  }

  async subscribe(channels: readonly string[], onMessage: MessageListener): Promise<void> {
    if (this.#isClosed) throw new ConnectionLost('the connection was closed');
    try {
      await this.#client.sSubscribe(channels, (message, channel) => onMessage(message, channel.toString()), true);
    } catch (error) {
      throw asOurs(error, this.#library);
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    if (this.#isClosed) return;
    await this.#client.sUnsubscribe(channel).catch(() => undefined);
  }

  close(reason = 'closed'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#client.destroy();
    this.onClosed?.(reason);
  }
}
