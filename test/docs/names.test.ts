import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import * as core from '../../src/core/index.ts';
import { ERRORS } from '../../src/errors/index.ts';
import { blocksOf, codeSpans } from './markdown.ts';
import { allPages, page, ROOT, sources } from './pages.ts';

/** Environment variables that the command line reads. */
const variables = new Set(
  sources('src/cli').flatMap(({ text }) => [...text.matchAll(/\benv\.([A-Z_]+)/g)].map((match) => match[1]!)),
);

describe('names in the pages', () => {
  it.each(allPages())('codes in $path are codes of the table, with their status', ({ path, text }) => {
    // The glossary names constants of the code, which its own test looks up.
    if (path === 'docs/glossary.md') return;
    const known = new Set([...Object.keys(ERRORS), ...variables, ...Object.keys(core)]);
    const spans = codeSpans(text).filter((span) => /^[A-Z]{2,}(_[A-Z]+)+$/.test(span));
    expect(spans.filter((span) => !known.has(span))).toEqual([]);
    const wrong = [...text.matchAll(/\b([45]\d\d) `([A-Z_]+)`/g)].filter(([, status, code]) => {
      return code! in ERRORS && ERRORS[code as keyof typeof ERRORS].status !== Number(status);
    });
    expect(wrong.map(([all]) => all)).toEqual([]);
  });

  it('the page on the command line names just the variables that are read', () => {
    const named = codeSpans(page('docs/command-line.md').text).filter(
      (span) => variables.has(span) || /^STREAMFS_\w+$/.test(span),
    );
    expect([...new Set(named)].sort()).toEqual([...variables].sort());
  });

  it('the page on the library lists just the entries of the package', () => {
    const entries = Object.keys(packageJson.exports).map((path) => path.replace(/^\./, packageJson.name));
    const listed = [...page('docs/library.md').text.matchAll(/^\| `(streamfsd(?:\/[\w/]+)?)` \|/gm)].map(
      (match) => match[1]!,
    );
    expect(listed.sort()).toEqual(entries.filter((entry) => !entry.endsWith('package.json')).sort());
  });

  it('CONTRIBUTING and README name only scripts that package.json has', () => {
    for (const { path, text } of [page('CONTRIBUTING.md'), page('README.md')]) {
      const named = [...text.matchAll(/npm (?:run )?(start|test|(?<=run )[\w:]+)/g)].map((match) => match[1]!);
      expect(named.length, path).toBeGreaterThan(0);
      for (const script of named)
        expect(Object.keys(packageJson.scripts), `${path}: npm run ${script}`).toContain(script);
    }
  });

  it('CHANGELOG begins with the version of the package, and LICENSE is the licence it names', () => {
    const version = /^## (\d+\.\d+\.\d+)/m.exec(page('CHANGELOG.md').text)?.[1];
    expect(version).toBe(packageJson.version);
    expect(packageJson.license).toBe('Apache-2.0');
    expect(page('LICENSE').text).toMatch(/Apache License\s+Version 2\.0/);
    expect(page('README.md').text).toContain(packageJson.license);
  });

  it('pages speak of the project alone', () => {
    for (const { path, text } of allPages()) {
      expect(text, path).not.toContain(ROOT);
      expect(text, path).not.toMatch(/\/work\/|\/home\/|\/root\//);
    }
  });

  it('decisions have a status and a date', () => {
    const decisions = allPages().filter(({ path }) => /^docs\/adr\/\d/.test(path));
    expect(decisions.length).toBeGreaterThan(10);
    for (const { path, text } of decisions) {
      expect(text, path).toMatch(/^# \d{4}: .*\n\nStatus: (accepted|superseded)[^\n]* · \d{4}-\d\d-\d\d\n/);
    }
  });

  it('the page on the architecture has a line for every layer', () => {
    const listed = [...page('docs/architecture.md').text.matchAll(/^\| \[(\w+)\]\(\.\.\/src\/\1\) \|/gm)].map(
      (each) => each[1]!,
    );
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(listed.sort()).toEqual(folders.map((folder) => folder.name).sort());
  });

  it('pages that the sources name are there', () => {
    const named = sources('src').flatMap(({ text }) => text.match(/\bdocs\/[\w/-]+\.md/g) ?? []);
    expect(named).toContain('docs/protocol.md');
    for (const path of named) expect(existsSync(join(ROOT, path)), path).toBe(true);
  });

  it('every block in the pages says what it is in', () => {
    for (const { path, text } of allPages()) {
      for (const block of blocksOf(text)) expect(block.language, `${path}: ${block.text}`).not.toBe('');
    }
  });
});
