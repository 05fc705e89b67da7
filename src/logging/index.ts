/** What is asked of a logger, and how lines that could come in thousands are kept few. */
export { writes } from './levels.ts';
export type { Logger } from './logger.ts';
export { LogThrottle } from './throttle.ts';
