/**
 * A socket whose bytes are read into memory that all such sockets share (docs/adr/0018-shared-read-buffer.md).
 *
 * Node makes new memory for each read of an ordinary socket. Where much is written, collecting it is what a server does
 * most. Here the bytes are there for as long as a call lasts, and whoever wants them copies them: a stream does so anyway.
 */
import { Socket } from 'node:net';

/** What one read may bring: more is in several. */
const SIZE = 256 * 1024;

let memory: Buffer | undefined;

/** What takes the bytes; they are others after it has returned. */
type Taker = (bytes: Buffer) => void;

/** Node's own object for a connection. It has no documented name, and no documented way to be passed on. */
interface Accepted {
  _handle?: object | null;
}

export class SharedReadSocket extends Socket {
  /** Without one, this is a socket like all others. */
  taker: Taker | undefined;

  private constructor(handle: object, highWaterMark: number) {
    memory ??= Buffer.allocUnsafeSlow(SIZE);
    const onread = { buffer: memory, callback: (length: number, bytes: Buffer) => this.received(length, bytes) };
    const options = { handle, onread, allowHalfOpen: true, highWaterMark };
    super(options as ConstructorParameters<typeof Socket>[0]);
  }

  /**
   * Goes on with a connection that has just been accepted, whose own socket is of no use any more. Undefined where this
   * version of Node does not let that be done, or the connection is no plain one: then its socket stays as it is.
   */
  static adopt(accepted: Socket): SharedReadSocket | undefined {
    const { _handle: handle } = accepted as Accepted;
    if (accepted.constructor !== Socket || !isUsable(handle)) return undefined;
    (accepted as Accepted)._handle = null;
    const socket = new SharedReadSocket(handle, accepted.writableHighWaterMark);
    accepted.destroy();
    return socket;
  }

  private received(length: number, bytes: Buffer): boolean {
    const part = bytes.subarray(0, length);
    if (this.taker === undefined) return this.push(Buffer.from(part));
    this.taker(part);
    return true;
  }
}

function isUsable(handle: object | null | undefined): handle is object {
  return typeof (handle as { useUserBuffer?: unknown } | null | undefined)?.useUserBuffer === 'function';
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
