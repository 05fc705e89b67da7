/** Reports whether a direct connection is busy, and the status of each of its responses, to the rest of the server. */
import type { Socket } from 'node:net';
import type { Account } from '../../fs/index.ts';
import { writes } from '../../logging/index.ts';
import { writeFile } from '../agfs/write.ts';
import type { SinkOwner } from '../egress/index.ts';
import { logRequest, nextRequestId } from '../http/exchange.ts';
import type { Route } from '../http/route.ts';
import type { FastPathHost } from './host.ts';
import type { AppendRequest, FollowRequest } from './requests.ts';

/** What is logged of a request. */
export interface LoggedRequest {
  readonly route: Route;
  readonly path: string;
  /** When it began, by `performance.now`. */
  readonly began: number;
}

export class RequestLog implements SinkOwner, LoggedRequest {
  /** Number of requests with a response. */
  count = 0;
  /** Of the current request: its route and path, and its start by `performance.now`. */
  route: Route = writeFile;
  path = '';
  began = performance.now();
  private readonly socket: Socket;
  private readonly server: FastPathHost;
  /** For debug logs. Read at the start: `remoteAddress` is undefined after the socket has closed. */
  private readonly address: string | undefined;
  private isBusy = false;
  /** The account that a live read counts for. */
  private account: Account | undefined;

  constructor(socket: Socket, server: FastPathHost) {
    this.socket = socket;
    this.server = server;
    if (writes(server.context.logger, 'debug')) this.address = socket.remoteAddress;
  }

  /** A request has no response yet, and waits for more input or for an operation. */
  busy(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    this.server.context.limits.connections.busy(this.socket);
  }

  idle(): void {
    if (!this.isBusy) return;
    this.isBusy = false;
    this.server.done(this.socket);
  }

  /** A request begins. */
  begin({ path, route }: Pick<AppendRequest, 'path' | 'route'>): void {
    this.path = path;
    this.route = route;
  }

  /** A live read begins: the connection stays busy until it is {@link readEnded}. */
  follow(request: FollowRequest): void {
    this.begin(request);
    this.account = request.caller?.account;
    this.isBusy = false;
  }

  /**
   * The response to a request is known, or its client has disconnected.
   *
   * @param request if it is not the current one
   */
  responded(status: number, { began, path, route }: LoggedRequest = this): void {
    const { metrics, limits } = this.server.context;
    if (++this.count === 1) limits.connections.markServed(this.socket);
    const milliseconds = performance.now() - began;
    metrics.requests.observe(route, status, milliseconds);
    this.log(status, milliseconds, path, route);
  }

  /** A live read has ended. No histogram records its duration, which depends on the client, not on the server. */
  readEnded(): void {
    this.server.context.limits.reads.leave(this.account);
    this.server.done(this.socket);
    this.log(200, performance.now() - this.began, this.path, this.route);
  }

  private log(status: number, milliseconds: number, path: string, { method, pattern: route }: Route): void {
    const { logger } = this.server.context;
    if (!writes(logger, 'debug')) return;
    const { address } = this;
    logRequest(logger, { request: nextRequestId(), method, route, address, path }, status, milliseconds);
  }
}
