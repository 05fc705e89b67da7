export {
  type OptionNames,
  requireArray,
  requireBytes,
  requireMethods,
  requireOptions,
  requireType,
} from './arguments.ts';
export { formatDuration, MAX_DURATION, parseDuration } from './duration.ts';
export { isIntegerFrom, parseInteger } from './integer.ts';
export { modeOfNumber, parseMode } from './mode.ts';
export { formatSize, MAX_SIZE, parseSize } from './size.ts';
