/**
 * A socket whose bytes are read into memory that all such sockets share (docs/adr/0018-share-one-read-buffer.md).
 *
 * Node allocates memory for each read of an ordinary socket. With many appends, garbage collection then dominates the
 * load. Here the bytes are valid only during the call, and the callee copies the bytes that it keeps, as a stream does
 * anyway.
 */
import { type Server, Socket } from 'node:net';

/** Maximum length of one read. */
const READ_BUFFER_BYTES = 256 * 1024;

let memory: Buffer | undefined;

/** Consumes the bytes, which are valid only during the call. */
type Consumer = (bytes: Buffer) => void;

/** Options of accepted sockets. */
export interface AcceptOptions {
  /** Bytes that a socket buffers before it applies backpressure. */
  highWaterMark: number;
  /** Milliseconds of silence after which the system sends a keep-alive probe; 0: never. */
  tcpKeepAlive: number;
}

/** Node's internal handle of a listening server, which calls this undocumented function for each connection. */
interface Listening {
  onconnection?: ((this: Listening, error: number, accepted: object | undefined) => void) | undefined;
}

export class SharedReadSocket extends Socket {
  /** Undefined: behaves like an ordinary socket. */
  consumer: Consumer | undefined;

  constructor(handle: object, { highWaterMark, tcpKeepAlive }: AcceptOptions) {
    memory ??= Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    const onread = { buffer: memory, callback: received };
    // net.Socket sets the last three in its copy of the options: with them set here, all copies share one hidden class.
    const settled = { emitClose: false, autoDestroy: true, decodeStrings: false };
    const options = { handle, onread, allowHalfOpen: true, highWaterMark, ...settled };
    super(options as ConstructorParameters<typeof Socket>[0]);
    this.setNoDelay(true);
    if (tcpKeepAlive > 0) this.setKeepAlive(true, tcpKeepAlive);
  }
}

/** Node calls it as a method of the socket, so that all sockets share one function. */
function received(this: unknown, length: number, bytes: Buffer): boolean {
  const socket = this as SharedReadSocket;
  const part = bytes.subarray(0, length);
  if (socket.consumer === undefined) return socket.push(Buffer.from(part));
  socket.consumer(part);
  return true;
}

/**
 * Makes a SharedReadSocket of each connection that a server accepts from now on, and passes it to `take` instead of
 * emitting `connection`. Call it when the server listens. Returns false, and changes nothing, if this version of Node
 * does not allow it.
 */
export function shareReads(server: Server, options: AcceptOptions, take: (socket: Socket) => void): boolean {
  const { _handle: listening } = server as { _handle?: Listening | null | undefined };
  const usual = listening?.onconnection;
  // The handles of connections have the same class as that of the server.
  if (!listening || typeof usual !== 'function' || !isUsable(listening)) return false;
  listening.onconnection = (error, accepted) => {
    if (error || !isUsable(accepted)) usual.call(listening, error, accepted);
    else take(new SharedReadSocket(accepted, options));
  };
  return true;
}

function isUsable(handle: object | undefined): handle is object {
  return typeof (handle as { useUserBuffer?: unknown } | undefined)?.useUserBuffer === 'function';
}

/** Passes the bytes of a socket to `consumer`. */
export function setConsumer(socket: Socket, consumer: Consumer): void {
  if (socket instanceof SharedReadSocket) socket.consumer = consumer;
  else socket.on('data', consumer);
}

export function clearConsumer(socket: Socket, consumer: Consumer): void {
  if (socket instanceof SharedReadSocket) socket.consumer = undefined;
  else socket.off('data', consumer);
}
