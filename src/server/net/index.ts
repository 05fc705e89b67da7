/**
 * Everything that knows Node's sockets, and all that the server uses of Node without its being documented. No other folder
 * uses anything undocumented; test/architecture/undocumented-node.test.ts holds that, and that each name below is used.
 *
 * | what | for | where | where it is missing |
 * |---|---|---|---|
 * | `_handle` of a listening server with `onconnection`, and `useUserBuffer` of a connection's handle; `new Socket({ handle, onread })` with `emitClose`, `autoDestroy`, `decodeStrings` | reads into one buffer for all connections | shared-read-socket.ts | Node makes the sockets: each read has memory of its own. Logged at the start, and the gauge `streamfs_shared_reads` is 0 |
 * | `this` of the callback of `onread` is the socket | one function for all of those connections | shared-read-socket.ts | nothing: tests of connections fail |
 * | `_handle` of a socket with `bytesWritten`, `writeQueueSize` | how much of an answer the system has taken | socket-progress.ts | `socket.bytesWritten`: a peer that takes nothing is noticed when the socket's own buffer is full |
 * | the event `_tlsError` of a TLSSocket | why a connection failed after its handshake | secure-socket.ts | it fails without a reason |
 * | `_write`, `_writev` and `_destroy` of a TLSSocket overridden; `allBuffers` | encrypts at most 64 KiB ahead; answers plain HTTP in clear text | secure-socket.ts | nothing: tests of TLS fail |
 * | `emit` of an HTTP server overridden for `connection` | puts TLS around each connection as it comes | secure-server.ts | nothing: tests of TLS fail |
 * | `listeners('connection')` of an HTTP server, called by hand | hands connections to node:http | listener.ts | nothing: the server does not start |
 * | `httpAllowHalfOpen` of an HTTP server | clients may close their side before they are answered | listener.ts | they get no answer |
 * | `socket === null` of an answer that waits, its event `socket`, and `emit('close')` by hand | requests sent without waiting are answered in turn | queued-response.ts | nothing: tests of pipelining fail |
 * | `complete` of a request, set by hand, and `push(null)` | ends a body that has broken off, so that it can be answered | broken-body.ts | the connection is closed unanswered |
 * | `assignSocket`, `detachSocket` of an answer, and `emit('close')` by hand | answers a request that offers to go on in another protocol | upgraded-answer.ts | nothing: tests of WebSocket fail |
 * | a listener for `data` makes node:http read by the socket again | drops what comes on a connection that is over | discard-input.ts | the peer's end is noticed late |
 */
export { breakBody, isBroken } from './broken-body.ts';
export { discardInput } from './discard-input.ts';
export {
  type Connections,
  createListener,
  KEEP_ALIVE_TIMEOUT_MS,
  type SharedReads,
  takeConnections,
} from './listener.ts';
export { closeQueued, isQueued, untilTurn } from './queued-response.ts';
export { checkTls, SecureHttpServer, type TlsOptions } from './secure-server.ts';
export { isEncrypted, SecureSocket } from './secure-socket.ts';
export { takeFrom, takeNoMore } from './shared-read-socket.ts';
export { encryptedBytes, takenBySystem } from './socket-progress.ts';
export { answerOn } from './upgraded-answer.ts';
