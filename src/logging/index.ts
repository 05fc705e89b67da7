/** The logger interface, and rate limiting of log lines. */
export { writes } from './levels.ts';
export type { Logger } from './logger.ts';
export { stackOf } from './stack-of.ts';
export { LogThrottle } from './throttle.ts';
