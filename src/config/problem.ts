import type { KeyPath } from './document.ts';

/** What is wrong with the value of a key, and what would be right. */
export interface Problem {
  path: KeyPath;
  text: string;
}
