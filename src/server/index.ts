/** The HTTP surface of a mount table. */
export {
  HostCheck,
  LEAST_LINK_KEY,
  type LinkOptions,
  Origins,
  RIGHTS,
  type Right,
  type TokenOptions,
  Tokens,
} from './access/index.ts';
export { descriptorLimit } from './bounds/descriptors.ts';
export { DEFAULT_LIMITS, type ServerLimits } from './bounds/index.ts';
export type { Metrics } from './metrics/index.ts';
export type { Method, Route, RouteParameter, VersionInfo } from './route.ts';
export { ROUTES } from './routes/index.ts';
export { FEATURES } from './routes/status.ts';
export { createServer, type ServerOptions, type StreamFSServer } from './server.ts';
export { checkTls, type TlsOptions } from './tls/secure-server.ts';
