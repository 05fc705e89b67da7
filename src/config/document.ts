/** What a configuration text is once it is read, whichever format it was in. */

/** A place in a document, key by key: `['plugins', 'streamfs', 0, 'path']`. */
export type KeyPath = readonly PropertyKey[];

interface Document {
  value: unknown;
  /** The line, from 1, of a key or item; of the nearest thing around it where it has none of its own. */
  lineOf(path: KeyPath): number | undefined;
}

/** What is wrong with a text that is no document at all. Line from 1. */
interface SyntaxProblem {
  line: number | undefined;
  text: string;
}

export type ParseResult = { document: Document } | { problems: SyntaxProblem[] };

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
