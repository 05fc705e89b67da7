/** The encodings of a live read. */
import type { Encoding } from './encoding.ts';
import { frameEncoding } from './frames.ts';
import { rawEncoding } from './raw.ts';
import { sseEncoding } from './sse.ts';

/** The first is the default. */
export const ENCODINGS: readonly [Encoding, ...Encoding[]] = [rawEncoding, frameEncoding, sseEncoding];

export type { EncodedStream, Encoding, PayloadKind, ReadSummary } from './encoding.ts';
export { frameEncoding, openFrame } from './frames.ts';
export { longestRun, sendableLength, usualRun } from './hold-back.ts';
export { rawEncoding } from './raw.ts';
