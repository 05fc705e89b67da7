/**
 * A socket whose bytes are read into memory that all such sockets share (docs/adr/0018-share-one-read-buffer.md).
 *
 * Node makes new memory for each read of an ordinary socket. Where much is written, collecting it is what a server does
 * most. Here the bytes are valid until the call returns, and the callee copies what it keeps: a stream does so anyway.
 */
import { type Server, Socket } from 'node:net';

/** What one read may bring: more is in several. */
const READ_BUFFER_BYTES = 256 * 1024;

let memory: Buffer | undefined;

/** What takes the bytes; they are others after it has returned. */
type Taker = (bytes: Buffer) => void;

/** What sockets are like that a server makes. */
export interface AcceptOptions {
  /** Bytes a socket gives out before it asks to wait. */
  highWaterMark: number;
  /** Milliseconds of silence after which the system asks a peer whether it is there; 0: never. */
  tcpKeepAlive: number;
}

/** Node's own object for what listens. It calls this with each connection; it has no documented name. */
interface Listening {
  onconnection?: ((this: Listening, error: number, accepted: object | undefined) => void) | undefined;
}

export class SharedReadSocket extends Socket {
  /** Without one, this is a socket like all others. */
  taker: Taker | undefined;

  constructor(handle: object, { highWaterMark, tcpKeepAlive }: AcceptOptions) {
    memory ??= Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    const onread = { buffer: memory, callback: received };
    // The last three are what net.Socket sets in its copy of the options: set here, all copies have one hidden class.
    const settled = { emitClose: false, autoDestroy: true, decodeStrings: false };
    const options = { handle, onread, allowHalfOpen: true, highWaterMark, ...settled };
    super(options as ConstructorParameters<typeof Socket>[0]);
    this.setNoDelay(true);
    if (tcpKeepAlive > 0) this.setKeepAlive(true, tcpKeepAlive);
  }
}

/** Node calls it as a method of the socket, so that one function is enough for all. */
function received(this: unknown, length: number, bytes: Buffer): boolean {
  const socket = this as SharedReadSocket;
  const part = bytes.subarray(0, length);
  if (socket.taker === undefined) return socket.push(Buffer.from(part));
  socket.taker(part);
  return true;
}

/**
 * Makes a SharedReadSocket of each connection that a server accepts from now on, and gives it to `take` in place of the
 * event `connection`. To be called when the server listens. False where this version of Node does not allow it: nothing is
 * changed then.
 */
export function shareReads(server: Server, options: AcceptOptions, take: (socket: Socket) => void): boolean {
  const { _handle: listening } = server as { _handle?: Listening | null | undefined };
  const usual = listening?.onconnection;
  // Connections have handles of the same class as what listens.
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

/** Has what comes on a socket given to `taker`. */
export function takeFrom(socket: Socket, taker: Taker): void {
  if (socket instanceof SharedReadSocket) socket.taker = taker;
  else socket.on('data', taker);
}

export function takeNoMore(socket: Socket, taker: Taker): void {
  if (socket instanceof SharedReadSocket) socket.taker = undefined;
  else socket.off('data', taker);
}
