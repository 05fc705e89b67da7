/** README, the only ordinary file in a mount of streams. */
import type { ReaderStart } from '../../core/index.ts';
import { contentOfParts, type StreamSource } from '../../fs/index.ts';
import { startOf } from '../base/start.ts';
import { README_NAME } from './info.ts';
import { README } from './readme.ts';

export const README_PATH = `/${README_NAME}`;
export const README_BYTES = new TextEncoder().encode(README);

export function readmeFrom(start: ReaderStart | undefined): StreamSource {
  const content = contentOfParts([README_BYTES.subarray(startOf(README_BYTES, start))]);
  return { kind: 'content', content, size: content.size };
}
