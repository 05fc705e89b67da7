/**
 * The response to a request whose connection node:http has released, because the request asks for another protocol. It
 * is either a refusal like any other, after which the connection is closed, or 101, after which the connection belongs
 * to the handler.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export function respondOn(socket: Socket, req: IncomingMessage): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  // On other connections node:http does this itself.
  res.once('finish', () => {
    res.detachSocket(socket);
    socket.destroySoon();
    res.emit('close');
  });
  return res;
}
