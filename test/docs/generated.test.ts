import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allPages, ROOT } from './pages.ts';
import { PIECES, reference, withPieces } from './reference.ts';

const marksOf = (text: string) => [...text.matchAll(/<!-- generated: ([\w ]+) -->/g)].map((match) => match[1]!);

/** Written pages with generated tables. */
const pages = allPages().filter(({ text }) => marksOf(text).length > 0);

// `npm run docs` writes these pages: it runs this file with -u.
describe('generated pages (npm run docs)', () => {
  it('docs/reference.md is what the code gives', async () => {
    await expect(reference()).toMatchFileSnapshot(join(ROOT, 'docs/reference.md'));
  });

  it.each(pages)('the tables of $path are what the code gives', async ({ path, text }) => {
    await expect(withPieces(text)).toMatchFileSnapshot(join(ROOT, path));
  });

  it('every generated piece is in one page, and no mark is left open', () => {
    expect(pages.flatMap(({ text }) => marksOf(text)).sort()).toEqual(Object.keys(PIECES).sort());
    for (const { path, text } of pages) {
      expect(text.match(/<!-- end -->/g), path).toHaveLength(marksOf(text).length);
    }
  });
});
