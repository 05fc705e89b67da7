/** Metrics in the Prometheus text format: at `/metrics`, where Prometheus looks, and below `/api/v1`. */

import { sendBytes } from '../http/respond.ts';
import type { Exchange, Route } from '../http/route.ts';
import { METRICS_TYPE } from '../metrics/index.ts';

async function handle(exchange: Exchange): Promise<void> {
  const text = exchange.server.metrics.registry.text();
  sendBytes(exchange, Buffer.from(text), { 'Content-Type': METRICS_TYPE, 'Cache-Control': 'no-store' });
}

export const metrics: Route = {
  method: 'GET',
  pattern: '/metrics',
  summary: 'The metrics, in the Prometheus text format.',
  permission: 'admin server',
  answers: [{ status: 200, description: 'The metrics.', content: { 'text/plain': 'text' } }],
  navigable: true,
  parameters: [],
  handle,
};

export const metricsAlias: Route = { ...metrics, pattern: '/api/v1/metrics', summary: 'As /metrics.' };
