/** The limits of the server: the configured ones, reduced to what the system allows. */
import type { BoundsConfig } from '../config/index.ts';
import type { PluginLogger } from '../fs/index.ts';
import { descriptorLimit, type ServerLimits } from '../server/index.ts';

/** Descriptors not available for connections: files, pipes, libraries. At most half of all descriptors is reserved. */
const RESERVED = 64;

export function serverLimits({ limits, ...bounds }: Omit<BoundsConfig, 'token'>, logger: PluginLogger): ServerLimits {
  return {
    connections: connectionsFor(limits.connections, logger),
    connectionsPerAddress: limits.connectionsPerAddress,
    waitingRequests: limits.waitingRequests,
    readers: limits.readers,
    headerSize: limits.headerSize,
    headerLines: limits.headerLines,
    headerTimeout: limits.headerTimeout,
    messageSize: limits.messageSize,
    bodyTimeout: bounds.bodyTimeout,
    streamBodyTimeout: bounds.streamBodyTimeout,
    stallTimeout: bounds.stallTimeout,
  };
}

/**
 * Limits connections to the available descriptors, so that one connection too many still gets a response: without a free
 * descriptor it could only be closed.
 */
function connectionsFor(wanted: number, logger: PluginLogger): number {
  const descriptors = descriptorLimit() ?? Number.POSITIVE_INFINITY;
  const most = descriptors - Math.min(RESERVED, descriptors / 2);
  if (wanted === 0 || wanted <= most) return wanted;
  const connections = Math.floor(most);
  // Slightly less than the default is not worth a warning.
  const level = connections < wanted / 2 ? 'warn' : 'debug';
  logger[level]('fewer connections than configured: the system allows fewer descriptors', { descriptors, connections });
  return connections;
}
