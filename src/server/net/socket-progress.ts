/** How far the bytes of a connection have come on their way out of this process. */
import type { Socket } from 'node:net';
import { SecureSocket, wireOf } from './secure-socket.ts';

/** Node's own object for an open connection; see index.ts. */
interface Handle {
  bytesWritten?: number | undefined;
  writeQueueSize?: number | undefined;
}

function handleOf(socket: Socket): Handle | null | undefined {
  return (socket as { _handle?: Handle | null | undefined })._handle;
}

/**
 * Bytes of a connection that the operating system has taken. It takes more as the peer's system makes room, which it
 * does in steps (docs/limits.md): what the peer's program has read cannot be seen from here any better.
 */
export function takenBySystem(socket: Socket): number {
  const wire = wireOf(socket);
  const handle = handleOf(wire);
  return (handle?.bytesWritten ?? wire.bytesWritten) - (handle?.writeQueueSize ?? 0);
}

/** Bytes of a connection that are encrypted and not yet with the system: memory beside what was written to it. */
export function encryptedBytes(socket: Socket): number {
  return socket instanceof SecureSocket ? (handleOf(socket)?.writeQueueSize ?? 0) : 0;
}
