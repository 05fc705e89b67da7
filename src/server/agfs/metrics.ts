/** What is measured, as text for Prometheus. At the root, where it looks for it, and below the base as everything else. */

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
  summary: 'What is measured, as text for Prometheus.',
  permission: 'admin server',
  answers: [{ status: 200, description: 'The figures.', content: { 'text/plain': 'text' } }],
  navigable: true,
  parameters: [],
  handle,
};

export const metricsAlias: Route = { ...metrics, pattern: '/api/v1/metrics', summary: 'As /metrics.' };
