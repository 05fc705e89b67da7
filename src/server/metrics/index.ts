/** All metrics of a server. Other parts register theirs with {@link ServerMetrics.registry}. */
import { ProcessMetrics } from './process.ts';
import { Metrics } from './registry.ts';
import { RequestMetrics } from './requests.ts';
import { describeServer } from './server.ts';
import type { MetricsSource } from './source.ts';

export class ServerMetrics {
  readonly registry = new Metrics();
  readonly requests: RequestMetrics;
  readonly process: ProcessMetrics;

  constructor(server: MetricsSource) {
    describeServer(this.registry, server);
    this.requests = new RequestMetrics(this.registry);
    this.process = new ProcessMetrics(this.registry);
  }

  start(): void {
    this.process.start();
  }

  stop(): void {
    this.process.stop();
  }
}

export { METRICS_TYPE, Metrics } from './registry.ts';
