/** The HTTP surface of a mount table. */

export type { VersionInfo } from '../protocol/index.ts';
export { FEATURES } from './agfs/status.ts';
export {
  HostCheck,
  type LinkOptions,
  MIN_LINK_KEY_BYTES,
  Origins,
  RIGHTS,
  type Right,
  type TokenOptions,
  Tokens,
} from './auth/index.ts';
export type { Method, Route, RouteParameter } from './http/route.ts';
export { descriptorLimit } from './limits/descriptors.ts';
export { DEFAULT_LIMITS, type ServerLimits } from './limits/index.ts';
export type { Metrics } from './metrics/index.ts';
export { checkTls, type SharedReads, type TlsOptions } from './net/index.ts';
export { ROUTES } from './routes.ts';
export { createServer, type ServerOptions, type StreamFSServer } from './server.ts';
