export { type App, type AppOptions, startApp } from './app.ts';
export { createLogger } from './logger.ts';
export { sampleConfig } from './sample.ts';
export { type Version, version } from './version.ts';
