/**
 * The connections of a server: how many there may be, what they are at, and which of them stand still.
 *
 * Nothing is done for a connection while it works. Once a second all are looked at, by one timer for all, and it is seen
 * from the counters of the sockets which have moved.
 *
 * Beyond the limit a connection that has had its answers and waits for a next request goes first; only where there is
 * none the new one is refused. It gets an answer that says so, and a moment to read it: a few at a time, and beyond
 * those it is closed without a word, so that a flood costs next to nothing.
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

/** What a connection is charged: what node:http and the system's library keep for it, and a reader's cursor. */
export const CONNECTION_BYTES = 16 * 1024;
/** What it is charged beside that where there is TLS around it. */
export const TLS_BYTES = 48 * 1024;

/** What a request is charged beside its head that waits for the answers before its own, in bytes. */
const WAITING_REQUEST_BYTES = 4 * 1024;
/** The part of a head that is in what its connection is charged, where the request does not wait, in bytes. */
const COVERED_HEAD_BYTES = 8 * 1024;

/** Refused connections that are given time to read their answer, and how long, in milliseconds. */
const MAX_LINGERING = 16;
const TURNED_AWAY_LINGER_MS = 500;

interface Connection {
  /** Exchanges it is busy with. node:http takes one that never spoke for busy. */
  exchanges: number;
  /** Whether it has had a request. */
  served: boolean;
  /** Where it is counted, if addresses are. */
  readonly address: string | undefined;
  /** What the budget is charged for it, in bytes. */
  readonly cost: number;
  /** What it had taken, and when that was last seen to change, while something waits to be sent. */
  taken: number;
  takenAt: number;
  /** What requests are charged that wait for the answers before theirs, or have long heads. */
  charged: Map<ServerResponse, number> | undefined;
  /** Requests that wait for the answers before theirs. */
  waiting: number;
  /** The last request that came. */
  newest: IncomingMessage | undefined;
  /** What it had sent of a body, and when that was last seen to change. */
  sent: number;
  sentAt: number;
  /** Looks after its own timeouts. */
  attendant: ConnectionOwner | undefined;
  /** Whose its newest request was, where tokens are asked for. */
  account: Account | undefined;
}

/** What serves a connection and has timeouts of its own: asked at each sweep. */
interface ConnectionOwner {
  /** Bytes that have come and wait for it. */
  held(): number;
  /** `now` is in milliseconds, of a clock that stands still while the event loop does. */
  check(now: number): void;
}

export interface ConnectionsOptions {
  limits: ServerLimits;
  memory: MemoryBudget;
  /** What requests say lies there. */
  heap: HeapMemory;
  /** The answer to a connection that is refused. */
  answer: (error: StreamFSError) => string;
  /** Told of each that is refused. */
  onRefused: (error: StreamFSError) => void;
  /** Told of each that is cut because it takes nothing; how many bytes waited for it. */
  onStalled: (socket: Socket, queued: number) => void;
}

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #open = new Map<Socket, Connection>();
  readonly #addresses = new Map<string, number>();
  readonly #lingering = new Set<Socket>();
  #onNone: (() => void) | undefined;
  /** Those of which too many requests wait. */
  readonly #full = new Set<Socket>();
  /** The time at the last look, in milliseconds: of a clock that stands still while the event loop does. */
  #time = 1;
  /** Some connection may be idle: one has finished an exchange since none was found. */
  #mayBeIdle = false;
  /** One function for all sockets: a thousand that wait would have a thousand. */
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

  /** A connection has come: it is counted until it closes; or refused, and false. */
  accept(socket: Socket): boolean {
    const { limits } = this.#options;
    const address = limits.connectionsPerAddress > 0 ? (socket.remoteAddress ?? '') : undefined;
    const cost = CONNECTION_BYTES + (isEncrypted(socket) ? TLS_BYTES : 0);
    const error = this.#refusal(address, cost);
    if (error !== undefined) {
      this.#refuse(socket, error);
      return false;
    }
    // No spreads: with them each would take four times the memory (docs/adr/0019-put-small-slabs-in-blocks.md).
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
      attendant: undefined,
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

  /** Closes the connection that has been there longest of those, or of an account's, that wait for a next request. */
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
    const timer = setTimeout(() => socket.destroy(), TURNED_AWAY_LINGER_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      this.#lingering.delete(socket);
    });
    socket.end(this.#options.answer(error));
  }

  /** Whether nothing more is taken from a connection: it was refused, or too many of its requests wait. */
  isRefused(socket: Socket): boolean {
    return (this.#lingering.size > 0 && this.#lingering.has(socket)) || (this.#full.size > 0 && this.#full.has(socket));
  }

  /** A request has come on a connection, one of node:http's or of another's; {@link done} is to follow. */
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

  /** A connection has had its first answer: from now on it is idle when it is not busy. */
  spoke(socket: Socket): void {
    this.busy(socket);
    this.done(socket);
  }

  /** Called at each check of a connection to decide whether it is still in time; until {@link unattend}. */
  attend(socket: Socket, attendant: ConnectionOwner): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.attendant = attendant;
  }

  unattend(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.attendant = undefined;
  }

  /**
   * Counts a connection to the account that its newest request is on. Where that may have no more, the one of its own goes
   * that has been there longest of those that wait for a next request. @throws TOKEN_LIMIT where there is none
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

  /** Destroys all of them at once. */
  closeAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  /**
   * Charges for what is kept of a request until it has been answered; {@link release} is to follow. Where there are too
   * many header lines in it, too many wait, or there is no memory, it gives the refusal that this one is to be answered
   * with, in its turn and as the last: what comes behind it is dropped.
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

  /** A request that was charged for is over. */
  release(socket: Socket, res: ServerResponse, wasWaiting: boolean): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    if (wasWaiting) connection.waiting -= 1;
    const bytes = connection.charged?.get(res);
    if (bytes === undefined) return;
    connection.charged!.delete(res);
    this.#options.heap.give(bytes);
  }

  /** Closes what is not busy, once it has sent what it still has to. */
  closeIdle(): void {
    for (const [socket, { exchanges }] of this.#open) if (exchanges === 0) socket.destroySoon();
  }

  /** Settles when there is none any more, those that were refused left aside. */
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

  /** When a connection was last seen to take bytes, by the clock of {@link sweep}. */
  lastTaken(socket: Socket): number {
    return this.#open.get(socket)?.takenAt ?? 0;
  }

  /** For how long its peer has taken nothing although something waits, in milliseconds, to a look's exactness. */
  standsStillFor(socket: Socket): number {
    const since = socket.writableLength === 0 ? 0 : this.lastTaken(socket);
    return since === 0 ? 0 : this.#time - since;
  }

  /**
   * Checks all of them for peers that take nothing and peers that send nothing. `passed` is the time since the last check in
   * which they could have, in milliseconds. Returns the bytes of bodies that have arrived and are not consumed yet.
   */
  sweep(passed: number): number {
    this.#time += passed;
    const now = this.#time;
    const incoming = new Map<Socket, { connection: Connection; bytes: number }>();
    let sum = 0;
    for (const [socket, connection] of this.#open) {
      if (socket.writableLength === 0) connection.takenAt = 0;
      else this.#checkTaking(socket, connection, now);
      connection.attendant?.check(now);
      if (connection.exchanges === 0) continue;
      const upload = uploadOf(socket);
      const { newest, attendant } = connection;
      const beside = attendant === upload ? 0 : (attendant?.held() ?? 0);
      const bytes = (upload?.held() ?? 0) + (newest?.readableLength ?? 0) + beside;
      if (upload === undefined && bytes === 0) connection.sentAt = 0;
      else this.#checkSending(socket, connection, upload, now);
      if (bytes === 0) continue;
      sum += bytes;
      incoming.set(socket, { connection, bytes });
    }
    const most = this.#options.memory.limit * INCOMING_SHARE;
    if (sum <= most) return sum;
    // Those that have sent nothing for longest go first.
    const oldest = [...incoming].sort(([, a], [, b]) => a.connection.sentAt - b.connection.sentAt);
    for (const [socket, { bytes }] of oldest) {
      if (sum <= most) break;
      sum -= bytes;
      this.#refuseBody(socket);
    }
    return sum;
  }

  /** There is no memory for a body that is only partly here. */
  #refuseBody(socket: Socket): void {
    const { memory, onRefused } = this.#options;
    const upload = uploadOf(socket);
    const error = (written: number) => memoryLimit(memory.limit, written);
    if (upload !== undefined) upload.giveUp(error);
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

  /** Cuts a connection whose peer takes nothing; its reader and all that waits for it go with it. */
  cutStalled(socket: Socket): void {
    this.#options.onStalled(socket, socket.writableLength);
    socket.destroy();
  }

  #checkSending(socket: Socket, connection: Connection, upload: Upload | undefined, now: number): void {
    // A peer that waits because of the file is not at fault.
    if (connection.sentAt === 0 || socket.bytesRead !== connection.sent || upload?.isWaiting()) {
      connection.sent = socket.bytesRead;
      connection.sentAt = now;
      return;
    }
    if (upload === undefined) return;
    const { limits } = this.#options;
    const timeout = upload.isForStream ? limits.streamBodyTimeout : limits.bodyTimeout;
    if (timeout > 0 && now - connection.sentAt >= timeout) upload.giveUp((written) => bodyTimeout(timeout, written));
  }
}

function memoryLimit(max: number, written?: number): StreamFSError {
  return createError('MEMORY_LIMIT', { max }, { limit: 'memory', max, ...(written === undefined ? {} : { written }) });
}
