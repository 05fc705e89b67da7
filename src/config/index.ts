export { formatAddress, isLoopback, parseAddress, refuseExposure } from './address.ts';
export { defaultConfig } from './default-config.ts';
export type { LogFormat, LogLevel } from './defaults.ts';
export type { BoundsConfig } from './limits.ts';
export { configOf, loadConfig, parseConfig } from './load.ts';
export { sampleConfig } from './sample.ts';
export { type ConfigInput, configSchema } from './schema.ts';
export type { Config, LinksConfig, TlsConfig } from './types.ts';
