import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { page, ROOT } from './pages.ts';
import { PIECES, reference, withPieces } from './reference.ts';

const README = page('README.md').text;

// `npm run docs` writes these pages: it runs this file with -u.
describe('generated pages (npm run docs)', () => {
  it('docs/reference.md is what the code gives', async () => {
    await expect(reference()).toMatchFileSnapshot(join(ROOT, 'docs/reference.md'));
  });

  it('the tables of README are what the code gives', async () => {
    await expect(withPieces(README)).toMatchFileSnapshot(join(ROOT, 'README.md'));
  });

  it('README has every piece that is made for it, and no mark that is not closed', () => {
    const marks = [...README.matchAll(/<!-- generated: ([\w ]+) -->/g)].map((match) => match[1]!);
    expect(marks.sort()).toEqual(Object.keys(PIECES).sort());
    expect(README.match(/<!-- end -->/g)).toHaveLength(marks.length);
  });
});
