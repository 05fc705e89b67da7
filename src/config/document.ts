/** A parsed configuration text, independent of its format. */

/** A path in a document, key by key: `['plugins', 'streamfs', 0, 'path']`. */
export type KeyPath = readonly PropertyKey[];

interface Document {
  value: unknown;
  /** The line, from 1, of a key or item; if it has none, the line of the nearest enclosing key or item. */
  lineOf(path: KeyPath): number | undefined;
}

/** A syntax error. Line from 1. */
interface SyntaxProblem {
  line: number | undefined;
  text: string;
}

export type ParseResult = { document: Document } | { problems: SyntaxProblem[] };

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
