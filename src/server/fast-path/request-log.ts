/** The requests of a direct connection, as the rest of the server knows of them: that it is busy, and what was answered. */
import type { Socket } from 'node:net';
import { writes } from '../../logging/index.ts';
import { writeFile } from '../agfs/write.ts';
import { logRequest, nextRequestId } from '../http/exchange.ts';
import type { Route } from '../http/route.ts';
import type { FastPathHost } from './host.ts';

export class RequestLog {
  /** How many were answered. */
  count = 0;
  /** Of the request that is being served: its path, and when it was begun with, by `performance.now`. */
  path = '';
  began = performance.now();
  private readonly socket: Socket;
  private readonly server: FastPathHost;
  /** For debug logs. Read at the start: `remoteAddress` is undefined after the socket has closed. */
  private readonly address: string | undefined;
  private isBusy = false;

  constructor(socket: Socket, server: FastPathHost) {
    this.socket = socket;
    this.server = server;
    if (writes(server.context.logger, 'debug')) this.address = socket.remoteAddress;
  }

  /** A request is not answered yet, and more of it has to come or to happen. */
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

  /** It stays busy until {@link followed}. */
  follow(path: string): void {
    this.path = path;
    this.isBusy = false;
  }

  /** An append was answered, or its client is gone. */
  answered(status: number): void {
    const { metrics, limits } = this.server.context;
    if (++this.count === 1) limits.connections.spoke(this.socket);
    const milliseconds = performance.now() - this.began;
    metrics.requests.observe(writeFile, status, milliseconds);
    this.log(writeFile, status, milliseconds);
  }

  /** A live read is over. Its duration is in no histogram: it says how long the client listened, not how fast the server is. */
  followed(route: Route): void {
    this.server.done(this.socket);
    this.log(route, 200, performance.now() - this.began);
  }

  private log({ method, pattern: route }: Route, status: number, milliseconds: number): void {
    const { logger } = this.server.context;
    if (!writes(logger, 'debug')) return;
    const { address, path } = this;
    logRequest(logger, { request: nextRequestId(), method, route, address, path }, status, milliseconds);
  }
}
