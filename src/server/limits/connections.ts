/**
 * The connections of a server: their maximum number, their state, and which of them stall.
 *
 * Nothing is done for a connection while it makes progress. Once a second, one timer checks all connections, and their
 * socket counters show which have moved.
 *
 * Beyond the limit, an idle connection, which has had its responses and waits for a next request, is closed first. Only
 * if there is none, the new connection is refused. It gets a response with the reason, and a moment to read it. Only a
 * few connections at a time get that; others are closed immediately, so that a flood costs next to nothing.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { MemoryBudget } from '../../core/index.ts';
import { createError, limitReached, type StreamFSError } from '../../errors/index.ts';
import type { Account } from '../../fs/index.ts';
import { bodyTimeout, type Upload, uploadOf } from '../ingest/receive.ts';
import { closeQueued, discardInput, isEncrypted, isQueued, takenBySystem } from '../net/index.ts';
import { INCOMING_SHARE, type ServerLimits } from './defaults.ts';
import { headCost } from './head-cost.ts';
import type { HeapMemory } from './heap-memory.ts';

/** The memory charged for a connection: for node:http, libuv, and a reader's cursor. */
export const CONNECTION_BYTES = 16 * 1024;
/** The additional charge for TLS. */
export const TLS_BYTES = 48 * 1024;

/** The charge for a pipelined request in addition to its head, in bytes. */
const WAITING_REQUEST_BYTES = 4 * 1024;
/** The part of a head that the charge for the connection covers, if the request is not pipelined, in bytes. */
const COVERED_HEAD_BYTES = 8 * 1024;

/** How many refused connections get time to read their response, and how long, in milliseconds. */
const MAX_LINGERING = 16;
const REFUSED_LINGER_MS = 500;

interface Connection {
  /** Exchanges in progress. node:http considers a connection without a request busy. */
  exchanges: number;
  /** Whether it has had a request. */
  served: boolean;
  /** The address that it is counted for, if addresses are counted. */
  readonly address: string | undefined;
  /** The memory charged for it, in bytes. */
  readonly cost: number;
  /** The bytes taken by the system, and when that last changed, while bytes wait to be sent. */
  taken: number;
  takenAt: number;
  /** Charges for pipelined requests, and for long heads. */
  charged: Map<ServerResponse, number> | undefined;
  /** Requests that wait for the responses before theirs. */
  waiting: number;
  /** The most recent request. */
  newest: IncomingMessage | undefined;
  /** The body bytes received, and when that last changed. */
  sent: number;
  sentAt: number;
  /** Enforces its own timeouts. */
  owner: ConnectionOwner | undefined;
  /** The account of the most recent request, if tokens are required. */
  account: Account | undefined;
}

/** The object that serves a connection and enforces its own timeouts, checked at each sweep. */
interface ConnectionOwner {
  /** Bytes that have arrived and are not processed yet. */
  held(): number;
  /** @param now milliseconds, of a clock that stops while the event loop is blocked */
  check(now: number): void;
}

export interface ConnectionsOptions {
  limits: ServerLimits;
  memory: MemoryBudget;
  /** The memory that parsed requests are charged to. */
  heap: HeapMemory;
  /** The response to a refused connection. */
  errorResponse: (error: StreamFSError) => string;
  /** Called for each refused connection. */
  onRefused: (error: StreamFSError) => void;
  /** Called for each connection closed because it stalls, with the number of bytes that waited for its peer. */
  onStalled: (socket: Socket, queued: number) => void;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<Socket, Connection>();
  readonly #addresses = new Map<string, number>();
  readonly #lingering = new Set<Socket>();
  #onNone: (() => void) | undefined;
  /** Connections with too many pipelined requests. */
  readonly #full = new Set<Socket>();
  /** The time of the last sweep, in milliseconds, of a clock that stops while the event loop is blocked. */
  #time = 1;
  /** A connection may be idle: one has finished an exchange since the last unsuccessful search. */
  #mayBeIdle = false;
  /** One function shared by all sockets, to save memory. */
  readonly #onClose: (this: Socket) => void;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    const closed = (socket: Socket) => this.#closed(socket);
    this.#onClose = function (this: Socket) {
      closed(this);
    };
  }

  get size(): number {
    return this.#open.size;
  }

  /** Accepts a new connection, which is counted until it closes. Returns false if it was refused. */
  accept(socket: Socket): boolean {
    const { limits } = this.#options;
    const address = limits.connectionsPerAddress > 0 ? (socket.remoteAddress ?? '') : undefined;
    const cost = CONNECTION_BYTES + (isEncrypted(socket) ? TLS_BYTES : 0);
    const error = this.#refusal(address, cost);
    if (error !== undefined) {
      this.#refuse(socket, error);
      return false;
    }
    // No object spread: with it each entry would take four times the memory (docs/adr/0019-put-small-slabs-in-blocks.md).
    this.#open.set(socket, {
      exchanges: 0,
      served: false,
      address,
      cost,
      taken: 0,
      takenAt: 0,
      charged: undefined,
      waiting: 0,
      newest: undefined,
      sent: 0,
      sentAt: 0,
      owner: undefined,
      account: undefined,
    });
    if (address !== undefined) this.#addresses.set(address, (this.#addresses.get(address) ?? 0) + 1);
    socket.on('close', this.#onClose);
    return true;
  }

  #closed(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    const { memory, heap } = this.#options;
    const { address, cost, charged, account } = connection;
    this.#open.delete(socket);
    if (this.#open.size === 0) this.#onNone?.();
    this.#full.delete(socket);
    memory.give(cost);
    account?.give('connections');
    if (charged !== undefined) {
      for (const [res, bytes] of charged) {
        heap.give(bytes);
        closeQueued(res);
      }
    }
    if (address !== undefined) this.#forgetAddress(address);
  }

  #refusal(address: string | undefined, cost: number): StreamFSError | undefined {
    const { limits, memory } = this.#options;
    const { connections, connectionsPerAddress } = limits;
    if (address !== undefined && (this.#addresses.get(address) ?? 0) >= connectionsPerAddress) {
      return limitReached('ADDRESS_LIMIT', 'connections_per_address', connectionsPerAddress);
    }
    if (connections > 0 && this.#open.size >= connections && !this.#dropIdle()) {
      return limitReached('CONNECTION_LIMIT', 'connections', connections);
    }
    return memory.tryTake(cost) ? undefined : memoryLimit(memory.limit);
  }

  #forgetAddress(address: string): void {
    const left = (this.#addresses.get(address) ?? 1) - 1;
    if (left === 0) this.#addresses.delete(address);
    else this.#addresses.set(address, left);
  }

  /** Closes the oldest idle connection, of all or of an account. */
  #dropIdle(account?: Account): boolean {
    if (!this.#mayBeIdle) return false;
    for (const [socket, connection] of this.#open) {
      if (connection.exchanges > 0 || !connection.served || socket.destroyed) continue;
      if (account !== undefined && connection.account !== account) continue;
      connection.account?.give('connections');
      connection.account = undefined;
      socket.destroy();
      return true;
    }
    if (account === undefined) this.#mayBeIdle = false;
    return false;
  }

  #refuse(socket: Socket, error: StreamFSError): void {
    this.#options.onRefused(error);
    if (this.#lingering.size >= MAX_LINGERING) {
      socket.destroy();
      return;
    }
    this.#lingering.add(socket);
    const timer = setTimeout(() => socket.destroy(), REFUSED_LINGER_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#lingering.delete(socket);
    });
    socket.end(this.#options.errorResponse(error));
  }

  /** Whether input from a connection is discarded: it was refused, or has too many pipelined requests. */
  isRefused(socket: Socket): boolean {
    return (this.#lingering.size > 0 && this.#lingering.has(socket)) || (this.#full.size > 0 && this.#full.has(socket));
  }

  /** A request has arrived, on node:http or the fast path. {@link done} must follow. */
  busy(socket: Socket, req?: IncomingMessage): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.exchanges += 1;
    connection.served = true;
    connection.newest = req;
  }

  /** An exchange is over. */
  done(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    connection.exchanges -= 1;
    if (connection.exchanges > 0) return;
    connection.newest = undefined;
    this.#mayBeIdle = true;
  }

  /** A connection has had its first response: from now on it is idle when it is not busy. */
  markServed(socket: Socket): void {
    this.busy(socket);
    this.done(socket);
  }

  /** Registers the owner that each sweep asks to check its timeouts; until {@link clearOwner}. */
  setOwner(socket: Socket, owner: ConnectionOwner): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.owner = owner;
  }

  clearOwner(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.owner = undefined;
  }

  /**
   * Counts a connection for the account of its newest request. If the account may have no more, its oldest idle
   * connection is closed.
   *
   * @throws TOKEN_LIMIT if none is idle
   */
  claim(socket: Socket, account: Account | undefined): void {
    const connection = this.#open.get(socket);
    if (connection === undefined || connection.account === account) return;
    const all = this.#options.limits.connections || Number.POSITIVE_INFINITY;
    if (account?.hasRoom('connections', all) === false) this.#dropIdle(account);
    account?.take('connections', all);
    connection.account?.give('connections');
    connection.account = account;
  }

  /** Destroys all connections at once. */
  closeAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  /**
   * Charges for the memory of a request until it has been answered; {@link release} must follow. If the request has too
   * many header lines, too many are pipelined, or there is no memory, returns a refusal. The request must be answered
   * with that in its turn, and the input after it is discarded.
   */
  charge(socket: Socket, req: IncomingMessage, res: ServerResponse): StreamFSError | undefined {
    const connection = this.#open.get(socket);
    if (connection === undefined) return undefined;
    const isWaiting = isQueued(res);
    const cost = isWaiting ? WAITING_REQUEST_BYTES + headCost(req) : headCost(req) - COVERED_HEAD_BYTES;
    const refusal = this.#refusalOf(req, connection, isWaiting, cost);
    if (isWaiting || cost > 0) {
      connection.charged ??= new Map();
      connection.charged.set(res, refusal === undefined && cost > 0 ? cost : 0);
    }
    if (isWaiting) connection.waiting += 1;
    if (refusal === undefined) return undefined;
    this.#full.add(socket);
    discardInput(socket);
    return refusal;
  }

  #refusalOf(
    { rawHeaders }: IncomingMessage,
    { waiting }: Connection,
    isWaiting: boolean,
    cost: number,
  ): StreamFSError | undefined {
    const { limits, heap } = this.#options;
    const { headerLines, waitingRequests } = limits;
    if (headerLines > 0 && rawHeaders.length > 2 * headerLines) {
      return limitReached('TOO_MANY_HEADERS', 'header_lines', headerLines);
    }
    if (isWaiting && waitingRequests > 0 && waiting >= waitingRequests) {
      return limitReached('WAITING_LIMIT', 'waiting_requests', waitingRequests);
    }
    return cost > 0 && !heap.tryTake(cost) ? memoryLimit(heap.limit) : undefined;
  }

  /** A charged request is over. */
  release(socket: Socket, res: ServerResponse, wasWaiting: boolean): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    if (wasWaiting) connection.waiting -= 1;
    const bytes = connection.charged?.get(res);
    if (bytes === undefined) return;
    connection.charged!.delete(res);
    this.#options.heap.give(bytes);
  }

  /** Closes idle connections, once they have sent their pending bytes. */
  closeIdle(): void {
    for (const [socket, { exchanges }] of this.#open) if (exchanges === 0) socket.destroySoon();
  }

  /** Settles when no connection is open, not counting refused ones. */
  whenNone(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onNone = resolve;
    });
  }

  /** Whether a connection is open, and has nothing to do. */
  isIdle(socket: Socket): boolean {
    return this.#open.get(socket)?.exchanges === 0;
  }

  /** When the system last took bytes of a connection, by the clock of {@link sweep}. */
  lastTaken(socket: Socket): number {
    return this.#open.get(socket)?.takenAt ?? 0;
  }

  /** How long the peer has taken no bytes while some wait, in milliseconds, with the resolution of the sweep. */
  stalledForMs(socket: Socket): number {
    const since = socket.writableLength === 0 ? 0 : this.lastTaken(socket);
    return since === 0 ? 0 : this.#time - since;
  }

  /**
   * Checks all connections for peers that take no bytes, and peers that send none.
   *
   * @param passed the time since the last sweep in which peers could make progress, in milliseconds
   * @returns the bytes of bodies that have arrived and are not consumed yet
   */
  sweep(passed: number): number {
    this.#time += passed;
    const now = this.#time;
    const incoming = new Map<Socket, { connection: Connection; bytes: number }>();
    let sum = 0;
    for (const [socket, connection] of this.#open) {
      if (socket.writableLength === 0) connection.takenAt = 0;
      else this.#checkTaking(socket, connection, now);
      connection.owner?.check(now);
      if (connection.exchanges === 0) continue;
      const upload = uploadOf(socket);
      const { newest, owner } = connection;
      const ownerBytes = owner === upload ? 0 : (owner?.held() ?? 0);
      const bytes = (upload?.held() ?? 0) + (newest?.readableLength ?? 0) + ownerBytes;
      if (upload === undefined && bytes === 0) connection.sentAt = 0;
      else this.#checkSending(socket, connection, upload, now);
      if (bytes === 0) continue;
      sum += bytes;
      incoming.set(socket, { connection, bytes });
    }
    const most = this.#options.memory.limit * INCOMING_SHARE;
    if (sum <= most) return sum;
    // Those that have sent nothing for the longest time are refused first.
    const oldest = [...incoming].sort(([, a], [, b]) => a.connection.sentAt - b.connection.sentAt);
    for (const [socket, { bytes }] of oldest) {
      if (sum <= most) break;
      sum -= bytes;
      this.#refuseBody(socket);
    }
    return sum;
  }

  /** Refuses a body that has arrived only in part, for lack of memory. */
  #refuseBody(socket: Socket): void {
    const { memory, onRefused } = this.#options;
    const upload = uploadOf(socket);
    const error = (written: number) => memoryLimit(memory.limit, written);
    if (upload !== undefined) upload.abort(error);
    else {
      onRefused(error(0));
      socket.destroy();
    }
  }

  #checkTaking(socket: Socket, connection: Connection, now: number): void {
    const taken = takenBySystem(socket);
    if (connection.takenAt === 0 || taken !== connection.taken) {
      connection.taken = taken;
      connection.takenAt = now;
      return;
    }
    const { stallTimeout } = this.#options.limits;
    if (stallTimeout > 0 && now - connection.takenAt >= stallTimeout) this.cutStalled(socket);
  }

  /** Closes a connection whose peer takes no bytes, with its reader and all memory that waits for it. */
  cutStalled(socket: Socket): void {
    this.#options.onStalled(socket, socket.writableLength);
    socket.destroy();
  }

  #checkSending(socket: Socket, connection: Connection, upload: Upload | undefined, now: number): void {
    // A peer that waits for the file's writer is not stalled.
    if (connection.sentAt === 0 || socket.bytesRead !== connection.sent || upload?.isWaiting()) {
      connection.sent = socket.bytesRead;
      connection.sentAt = now;
      return;
    }
    if (upload === undefined) return;
    const { limits } = this.#options;
    const timeout = upload.isForStream ? limits.streamBodyTimeout : limits.bodyTimeout;
    if (timeout > 0 && now - connection.sentAt >= timeout) upload.abort((written) => bodyTimeout(timeout, written));
  }
}

function memoryLimit(max: number, written?: number): StreamFSError {
  return createError('MEMORY_LIMIT', { max }, { limit: 'memory', max, ...(written === undefined ? {} : { written }) });
}
