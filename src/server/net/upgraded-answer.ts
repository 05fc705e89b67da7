/**
 * The answer to a request whose connection node:http has let go of, because the request offers to go on in another protocol.
 * It can be a refusal like any other, after which the connection is closed; or 101, after which the connection is whose
 * answered so.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export function answerOn(socket: Socket, req: IncomingMessage): ServerResponse {
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  // node:http's own server would say so; the connection's end is told by the answer itself.
  res.once('finish', () => {
    res.detachSocket(socket);
    socket.destroySoon();
    res.emit('close');
  });
  return res;
}
