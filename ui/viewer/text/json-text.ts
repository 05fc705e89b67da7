/**
 * Tokenises and formats JSON text without parsing it to values. So numbers keep all their digits, strings their
 * escapes, and objects their duplicate keys.
 */

type JsonTokenKind = 'key' | 'string' | 'number' | 'word' | 'punctuation';

interface JsonToken {
  kind: JsonTokenKind;
  text: string;
}

export interface JsonLine {
  depth: number;
  tokens: JsonToken[];
}

/** Maximum indentation depth: a thousand brackets must not become a million spaces. */
const MAX_INDENTED_DEPTH = 40;

const INDENT = '  ';

const TOKEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings contain none
  /[ \t\r\n]*(?:([{}[\]:,])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![0-9A-Za-z.+-])|(true|false|null)(?![0-9A-Za-z_]))/y;

/** Whether formatting is worth trying: the text is enclosed in the brackets of an object or an array. */
export function looksLikeJson(text: string): boolean {
  const first = /^[ \t]*([{[])/.exec(text)?.[1];
  if (first === undefined) return false;
  return text.trimEnd().endsWith(first === '{' ? '}' : ']');
}

/** The tokens of exactly one value; undefined if the text is not JSON. */
function jsonTokens(text: string): JsonToken[] | undefined {
  const tokens: JsonToken[] = [];
  const open: ('{' | '[')[] = [];
  /** The next token allowed. */
  let expected: 'value' | 'value or ]' | 'key' | 'key or }' | ':' | 'after' = 'value';
  let at = 0;
  while (true) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) break;
    at = TOKEN.lastIndex;
    const [, mark, string, number, word] = match;
    if (mark !== undefined) {
      const container = open.at(-1);
      if (mark === '{' || mark === '[') {
        if (expected !== 'value' && expected !== 'value or ]') return undefined;
        open.push(mark);
        expected = mark === '{' ? 'key or }' : 'value or ]';
      } else if (mark === '}' || mark === ']') {
        const isEmpty = expected === (mark === '}' ? 'key or }' : 'value or ]');
        if (container !== (mark === '}' ? '{' : '[') || !(isEmpty || expected === 'after')) return undefined;
        open.pop();
        expected = 'after';
      } else if (mark === ':') {
        if (expected !== ':') return undefined;
        expected = 'value';
      } else {
        if (expected !== 'after' || container === undefined) return undefined;
        expected = container === '{' ? 'key' : 'value';
      }
      tokens.push({ kind: 'punctuation', text: mark });
    } else if (string !== undefined && (expected === 'key' || expected === 'key or }')) {
      tokens.push({ kind: 'key', text: string });
      expected = ':';
    } else {
      if (expected !== 'value' && expected !== 'value or ]') return undefined;
      if (string !== undefined) tokens.push({ kind: 'string', text: string });
      else if (number !== undefined) tokens.push({ kind: 'number', text: number });
      else tokens.push({ kind: 'word', text: word! });
      expected = 'after';
    }
  }
  const isWhole = open.length === 0 && expected === 'after' && /^[ \t\r\n]*$/.test(text.slice(at));
  return isWhole ? tokens : undefined;
}

/** One member or element per line; empty objects and arrays stay on one line. Undefined if the text is not JSON. */
export function prettyJson(text: string): JsonLine[] | undefined {
  const tokens = jsonTokens(text);
  if (tokens === undefined) return undefined;
  const lines: JsonLine[] = [];
  let line: JsonLine = { depth: 0, tokens: [] };
  let depth = 0;
  const next = () => {
    lines.push(line);
    line = { depth: Math.min(depth, MAX_INDENTED_DEPTH), tokens: [] };
  };
  for (const [i, token] of tokens.entries()) {
    const isMark = token.kind === 'punctuation';
    if (isMark && (token.text === '}' || token.text === ']')) {
      depth -= 1;
      const before = tokens[i - 1]!;
      const isEmpty = before.kind === 'punctuation' && (before.text === '{' || before.text === '[');
      if (!isEmpty) next();
    }
    line.tokens.push(isMark && token.text === ':' ? { kind: 'punctuation', text: ': ' } : token);
    if (!isMark) continue;
    if (token.text === ',') next();
    if (token.text === '{' || token.text === '[') {
      depth += 1;
      const after = tokens[i + 1]!;
      if (!(after.kind === 'punctuation' && (after.text === '}' || after.text === ']'))) next();
    }
  }
  lines.push(line);
  return lines;
}

/** On one line, with a space after each colon and comma. Undefined if the text is not JSON. */
export function compactJson(text: string): string | undefined {
  return jsonTokens(text)
    ?.map(({ text }) => (text === ':' || text === ',' ? `${text} ` : text))
    .join('');
}

export function textOfJsonLine({ depth, tokens }: JsonLine): string {
  return INDENT.repeat(depth) + tokens.map(({ text }) => text).join('');
}
