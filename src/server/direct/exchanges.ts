/** The requests of a direct connection, as the rest of the server knows of them: that it is busy, and what was answered. */
import type { Socket } from 'node:net';
import { writes } from '../../fs/index.ts';
import { nextRequestId } from '../exchange.ts';
import { writeFile } from '../routes/write.ts';
import type { DirectServer } from './server.ts';

export class DirectExchanges {
  /** How many were answered. */
  count = 0;
  /** Of the request that is being served: its path, and when it was begun with, by `performance.now`. */
  path = '';
  began = performance.now();
  private readonly socket: Socket;
  private readonly server: DirectServer;
  private isBusy = false;

  constructor(socket: Socket, server: DirectServer) {
    this.socket = socket;
    this.server = server;
  }

  /** A request is not answered yet, and more of it has to come or to happen. */
  busy(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    this.server.context.bounds.connections.busy(this.socket);
  }

  idle(): void {
    if (!this.isBusy) return;
    this.isBusy = false;
    this.server.done(this.socket);
  }

  /** Whoever goes on with the connection says when it is idle again. */
  passOn(): void {
    this.isBusy = false;
  }

  /** An append was answered, or its client is gone. */
  answered(status: number): void {
    const { metrics, logger, bounds } = this.server.context;
    if (++this.count === 1) bounds.connections.spoke(this.socket);
    const milliseconds = performance.now() - this.began;
    metrics.requests.observe(writeFile, status, milliseconds);
    if (!writes(logger, 'debug')) return;
    const facts = { request: nextRequestId(), method: 'PUT', route: writeFile.pattern, path: this.path };
    const { remoteAddress: address } = this.socket;
    logger.debug('request', { ...facts, address, status, ms: Math.round(milliseconds * 1000) / 1000 });
  }
}
