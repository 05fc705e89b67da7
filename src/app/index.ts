export { type App, type AppOptions, startApp } from './app.ts';
export { sampleConfig } from './sample.ts';
export { version } from './version.ts';
