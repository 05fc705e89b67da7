/** Names on the wire are defined in src/protocol, and nowhere else. */
import { describe, expect, it } from 'vitest';
import { HEADERS } from '../../src/protocol/index.ts';
import { sources } from '../docs/pages.ts';

const elsewhere = sources('src')
  .filter(({ path }) => !path.startsWith('src/protocol/'))
  .map(({ path, text }) => ({ path, code: text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*$/gm, '') }));

/** Every match of `pattern` outside src/protocol, as `file: text`. */
const found = (pattern: RegExp) =>
  elsewhere.flatMap(({ path, code }) => (code.match(pattern) ?? []).map((match) => `${path}: ${match}`));

describe('names on the wire', () => {
  it('headers of this protocol, and those that begin with X-, are in no literal', () => {
    expect(elsewhere.length).toBeGreaterThan(200);
    // At the beginning of a literal, or of a line of one: messages for people may name a header in the middle of a sentence.
    expect(found(/['"`](?:[^'"`\n]*\\n)?(?:x|producer)-[a-z-]+/gi)).toEqual([]);
    const names = Object.values(HEADERS).join('|');
    expect(found(new RegExp(`(?:['"\`]|\\\\n)(?:${names})\\b`, 'gi'))).toEqual([]);
  });

  it('media types of bodies are in no literal', () => {
    expect(found(/['"`](?:application\/(?:json|octet-stream|vnd\.streamfs[\w.]*))\b/g)).toEqual([]);
  });

  it('the test would see them', () => {
    const text = `a['X-Stream-Offset']; b("producer-id"); c = \`X-EOF: \${x}\``;
    expect(text.match(/['"`](?:[^'"`\n]*\\n)?(?:x|producer)-[a-z-]+/gi)).toHaveLength(3);
  });
});
