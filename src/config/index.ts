export { type Address, formatAddress, isLoopback, parseAddress, refuseExposure } from './address.ts';
export { LOG_LEVELS, type LogLevel } from './defaults.ts';
export { configOf, defaultConfig, loadConfig, parseConfig } from './load.ts';
export { type SampleParameter, sampleConfig } from './sample.ts';
export { type ConfigInput, configSchema } from './schema.ts';
export { hint, suggest } from './suggest.ts';
export type { Config, MountConfig, ServerConfig } from './types.ts';
