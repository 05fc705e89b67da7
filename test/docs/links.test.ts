import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchorOf, headingsOf, proseOf } from './markdown.ts';
import { allPages, page, ROOT } from './pages.ts';

/** Every link of a page, as written. */
function linksOf(markdown: string): string[] {
  return [...proseOf(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
}

/** The fault of a link, or undefined. */
function fault(from: string, link: string): string | undefined {
  if (/^[a-z]+:/.test(link)) return 'it leaves the project';
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(ROOT, from) : resolve(ROOT, dirname(from), path);
  if (relative(ROOT, target).startsWith('..')) return 'it leaves the project';
  if (!existsSync(target)) return 'there is no such file';
  if (anchor === undefined) return undefined;
  return headingsOf(readFileSync(target, 'utf8')).map(anchorOf).includes(anchor)
    ? undefined
    : 'there is no such heading';
}

describe('links in the pages', () => {
  it.each(allPages())('of $path lead somewhere', ({ path, text }) => {
    const wrong = linksOf(text).flatMap((link) => {
      const why = fault(path, link);
      return why === undefined ? [] : [`${link}: ${why}`];
    });
    expect(wrong).toEqual([]);
  });

  it('are distinguished from broken links', () => {
    expect(fault('README.md', 'docs/nowhere.md')).toBe('there is no such file');
    expect(fault('README.md', 'docs/protocol.md#nothing')).toBe('there is no such heading');
    expect(fault('docs/protocol.md', '../../elsewhere')).toBe('it leaves the project');
  });

  it.each(allPages())('of $path were merged whole: no marks of a conflict stand in it', ({ text }) => {
    expect(text.match(/^(?:<{7}|>{7}) .*$/gm) ?? []).toEqual([]);
  });

  it('reach every page from README', () => {
    const reached = new Set<string>();
    const visit = (path: string) => {
      if (reached.has(path) || !path.endsWith('.md')) return;
      reached.add(path);
      for (const link of linksOf(page(path).text)) {
        visit(relative(ROOT, resolve(ROOT, dirname(path), link.split('#')[0] || '.')));
      }
    };
    visit('README.md');
    expect(
      allPages()
        .map(({ path }) => path)
        .filter((path) => !reached.has(path)),
    ).toEqual([]);
  });

  it('every decision is listed, under its own title', () => {
    const list = page('docs/adr/README.md').text;
    for (const { path, text } of allPages().filter((each) => /docs\/adr\/\d/.test(each.path))) {
      const [, number, title] = /^# (\d{4}): (.*)/.exec(text) ?? [];
      expect(path).toContain(`/${number}-`);
      expect(list).toContain(`[${number}](${path.slice('docs/adr/'.length)}) | ${title}`);
    }
  });
});
