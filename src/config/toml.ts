/**
 * Reads TOML. The parser tells no positions, so the lines of keys are found in the text: each table header and each
 * `key =` at the beginning of a line. What stands inside an inline table is found at the line of that table.
 */
import { parse, TomlError } from 'smol-toml';
import type { KeyPath, ParseResult } from './document.ts';

export function parseTomlDocument(text: string): ParseResult {
  try {
    const value: unknown = parse(text);
    const lines = keyLines(text);
    return { document: { value, lineOf: (path) => nearest(lines, path) } };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n', 1)[0]!.replace(/^Invalid TOML document: /, '');
    return { problems: [{ line: error.line, text: `invalid TOML: ${reason}` }] };
  }
}

const PART = `(?:[A-Za-z0-9_-]+|"(?:[^"\\\\\\n]|\\\\.)*"|'[^'\\n]*')`;
const DOTTED = `${PART}(?:[ \\t]*\\.[ \\t]*${PART})*`;
const HEADER = new RegExp(`^[ \\t]*(\\[\\[?)[ \\t]*(${DOTTED})[ \\t]*\\]`);
const KEY = new RegExp(`^[ \\t]*(${DOTTED})[ \\t]*=(.*)$`);

/** The line of every table and key, by its path. Of an array of tables each table has its index in the path. */
function keyLines(text: string): Map<string, number> {
  const found = new Map<string, number>();
  const arrays = new Map<string, number>();
  const note = (path: KeyPath, line: number) => {
    for (let length = 1; length <= path.length; length++) {
      const key = id(path.slice(0, length));
      if (!found.has(key)) found.set(key, line);
    }
  };
  let table: PropertyKey[] = [];
  let quote: string | undefined;
  text.split('\n').forEach((content, index) => {
    if (quote !== undefined) {
      if (content.includes(quote)) quote = undefined;
      return;
    }
    const header = HEADER.exec(content);
    if (header) {
      table = withIndexes(parts(header[2]!), arrays);
      if (header[1] === '[[') {
        const item = (arrays.get(id(table)) ?? -1) + 1;
        arrays.set(id(table), item);
        table = [...table, item];
      }
      note(table, index + 1);
      return;
    }
    const key = KEY.exec(content);
    if (!key) return;
    note([...table, ...parts(key[1]!)], index + 1);
    quote = openQuote(key[2]!);
  });
  return found;
}

/** A header below an array of tables means the array's last table. */
function withIndexes(path: readonly string[], arrays: ReadonlyMap<string, number>): PropertyKey[] {
  const out: PropertyKey[] = [];
  path.forEach((part, index) => {
    out.push(part);
    const last = arrays.get(id(out));
    if (last !== undefined && index < path.length - 1) out.push(last);
  });
  return out;
}

function parts(dotted: string): string[] {
  return (dotted.match(new RegExp(PART, 'g')) ?? []).map((part) => part.replace(/^(["'])(.*)\1$/, '$2'));
}

/** The quotes of a text that begins on this line and ends on a later one. */
function openQuote(value: string): string | undefined {
  const opened = /^\s*("""|''')/.exec(value)?.[1];
  if (opened === undefined) return undefined;
  return value.indexOf(opened, value.indexOf(opened) + 3) < 0 ? opened : undefined;
}

function nearest(lines: ReadonlyMap<string, number>, path: KeyPath): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(id(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return undefined;
}

function id(path: KeyPath): string {
  return JSON.stringify(path.map(String));
}
