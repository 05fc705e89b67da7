/** Parses YAML (and JSON, a subset of YAML), and keeps the line of every key. */
import { isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { KeyPath, ParseResult } from './document.ts';

export function parseYamlDocument(text: string): ParseResult {
  const lines = new LineCounter();
  // A list or a mapping as a key would become a string that is not in the text, with a warning on stderr.
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const lineAt = (offset: number) => lines.linePos(offset).line || undefined;
  const [document, second] = 'empty' in documents ? [] : documents;
  if (!document) return { document: { value: undefined, lineOf: () => undefined } };
  if (second)
    return { problems: [{ line: lineAt(second.range[0]), text: 'expected one YAML document, found several' }] };

  // A warning means that something has no effect as written (an unknown tag, for example), so it counts as an error.
  const wrong = [...document.errors, ...document.warnings];
  if (wrong.length > 0) {
    return { problems: wrong.map((error) => ({ line: lineAt(error.pos[0]), text: `invalid YAML: ${error.message}` })) };
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // Aliases that refer to nothing, or that would expand to an absurd size.
    return { problems: [{ line: undefined, text: `invalid YAML: ${(error as Error).message}` }] };
  }
  const lineOf = (path: KeyPath) => {
    const offset = offsetOf(document.contents, path);
    return offset === undefined ? undefined : lineAt(offset);
  };
  return { document: { value, lineOf } };
}

/** The offset of a key or list item, or of the last existing node on the path to it. */
function offsetOf(root: unknown, path: KeyPath): number | undefined {
  let node: unknown = root;
  let offset: number | undefined;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      if (!pair) break;
      offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(part)];
      if (item === undefined) break;
      offset = (item as { range?: [number, number, number] | null | undefined }).range?.[0] ?? offset;
      node = item;
    } else {
      break;
    }
  }
  return offset;
}
