import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { page, ROOT } from './pages.ts';

const GLOSSARY = page('docs/glossary.md').text;

/** Rows of its tables: the word, and the name in the code with the file that defines it. */
const rows = [
  ...GLOSSARY.matchAll(/^\| ([a-z][\w -]*) \| .* \| `(\w+)` in \[[^\]]+\]\(\.\.\/(src\/[^)]+)\) \|$/gm),
].map(([, word, name, file]) => ({ word: word!, name: name!, file: file! }));

describe('docs/glossary.md', () => {
  it('has a name and a file for each word', () => {
    const lines = GLOSSARY.split('\n').filter((line) => /^\| (?!word |---)/.test(line));
    expect(rows.length).toBeGreaterThan(30);
    expect(lines).toHaveLength(rows.length);
  });

  it('says each word once', () => {
    expect(new Set(rows.map(({ word }) => word)).size).toBe(rows.length);
  });

  it.each(rows)('$word: $name is defined in $file', ({ name, file }) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const defined = new RegExp(
      `\\b(?:class|interface|type|const|function) ${name}\\b|^ {2}(?:readonly )?${name}(?:\\(|\\??:)`,
      'm',
    );
    expect(text).toMatch(defined);
  });

  it('words of the glossary and of the protocol are not the same with two meanings', () => {
    const words = page('docs/protocol.md').text;
    const protocol = [
      ...words.slice(words.indexOf('## Words'), words.indexOf('## Requests')).matchAll(/^\| ([a-z ,]+) \|/gm),
    ]
      .flatMap((match) => match[1]!.split(', '))
      .filter((word) => word !== 'word');
    expect(protocol.length).toBeGreaterThan(8);
    // In both, with the same meaning: the protocol needs it without a file.
    expect(rows.map(({ word }) => word).filter((word) => protocol.includes(word))).toEqual(['chunk']);
  });
});
