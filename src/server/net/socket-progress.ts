/** Progress of the outgoing bytes of a connection. */
import type { Socket } from 'node:net';
import { SecureSocket, wireOf } from './secure-socket.ts';

/** Node's internal handle of an open connection; see index.ts. */
interface Handle {
  bytesWritten?: number | undefined;
  writeQueueSize?: number | undefined;
}

function handleOf(socket: Socket): Handle | null | undefined {
  return (socket as { _handle?: Handle | null | undefined })._handle;
}

/**
 * Bytes of a connection that the operating system has taken. It takes more when the peer's system makes room, in steps
 * (docs/limits.md). How much the peer's program has read is not visible any more precisely.
 */
export function takenBySystem(socket: Socket): number {
  const wire = wireOf(socket);
  const handle = handleOf(wire);
  return (handle?.bytesWritten ?? wire.bytesWritten) - (handle?.writeQueueSize ?? 0);
}

/** Encrypted bytes of a connection that the system has not taken: memory in addition to the plain bytes. */
export function encryptedBytes(socket: Socket): number {
  return socket instanceof SecureSocket ? (handleOf(socket)?.writeQueueSize ?? 0) : 0;
}
