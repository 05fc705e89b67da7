/**
 * All code that depends on the internals of Node's sockets, and every undocumented feature of Node that the server uses.
 * No other folder uses any; test/architecture/undocumented-node.test.ts checks that, and that each name below is used.
 *
 * | what | for | where | if it is missing |
 * |---|---|---|---|
 * | `_handle` of a listening server with `onconnection`, and `useUserBuffer` of a connection's handle; `new Socket({ handle, onread })` with `emitClose`, `autoDestroy`, `decodeStrings` | reads into one buffer for all connections | shared-read-socket.ts | Node creates the sockets, and allocates memory for each read. Logged at startup, and the gauge `streamfs_shared_reads` is 0 |
 * | `this` of the callback of `onread` is the socket | one function for all these connections | shared-read-socket.ts | nothing: tests of connections fail |
 * | `_handle` of a socket with `bytesWritten`, `writeQueueSize` | how much of a response the system has taken | socket-progress.ts | `socket.bytesWritten`: a stalled peer is noticed when the socket's own buffer is full |
 * | the event `_tlsError` of a TLSSocket | the reason why a connection failed after its handshake | secure-socket.ts | it fails without a reason |
 * | `_write`, `_writev` and `_destroy` of a TLSSocket overridden; `allBuffers` | encrypts at most 64 KiB ahead; responds to plain HTTP in clear text | secure-socket.ts | nothing: tests of TLS fail |
 * | `emit` of an HTTP server overridden for `connection` | wraps each new connection in TLS | secure-server.ts | nothing: tests of TLS fail |
 * | `listeners('connection')` of an HTTP server, called directly | hands connections to node:http | listener.ts | nothing: the server does not start |
 * | `httpAllowHalfOpen` of an HTTP server | clients may close their sending side before the response | listener.ts | they get no response |
 * | `socket === null` of a queued response, its event `socket`, and a direct `emit('close')` | pipelined requests are answered in turn | queued-response.ts | nothing: tests of pipelining fail |
 * | `complete` of a request, set directly, and `push(null)` | ends a body that has broken off, so that it can be answered | broken-body.ts | the connection is closed without a response |
 * | `assignSocket`, `detachSocket` of a response, and a direct `emit('close')` | responds to an upgrade request | upgraded-response.ts | nothing: tests of WebSocket fail |
 * | a listener for `data` makes node:http read with the socket again | discards the input of a connection that is over | discard-input.ts | the peer's disconnect is noticed late |
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
export { clearConsumer, setConsumer } from './shared-read-socket.ts';
export { encryptedBytes, takenBySystem } from './socket-progress.ts';
export { respondOn } from './upgraded-response.ts';
