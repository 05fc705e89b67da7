import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeApi } from '../../scripts/api.mjs';
import * as client from '../../src/client/index.ts';
import * as core from '../../src/core/index.ts';
import * as fs from '../../src/fs/index.ts';
import * as streamfsd from '../../src/index.ts';
import * as contract from '../../src/plugins/contract/index.ts';
import * as plugins from '../../src/plugins/index.ts';
import * as server from '../../src/server/index.ts';
import { blocksOf } from './markdown.ts';
import { apiPages, ROOT } from './pages.ts';
import { runSample } from './run-sample.ts';

const logger = { debug() {}, info() {}, warn() {}, error() {} };

/** The modules that an example may import. Its servers do not log. */
const modules = {
  streamfsd: {
    ...streamfsd,
    startApp: (options: streamfsd.AppOptions) => streamfsd.startApp({ ...options, logger }),
  },
  'streamfsd/client': client,
  'streamfsd/core': core,
  'streamfsd/fs': fs,
  'streamfsd/plugins': plugins,
  'streamfsd/plugins/contract': contract,
  'streamfsd/server': server,
};

const examples = [
  ...new Set(
    apiPages().flatMap(({ text }) =>
      blocksOf(text)
        .filter(({ language }) => language === 'ts')
        .map((block) => block.text),
    ),
  ),
];

/** Pages by name. */
async function pagesIn(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.md')).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')])),
  );
}

describe('docs/api', () => {
  it('is what the types give: npm run docs writes it', { timeout: 300_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'streamfs-api-'));
    try {
      await writeApi(folder);
      const made = await pagesIn(folder);
      const committed = await pagesIn(join(ROOT, 'docs/api'));
      expect(Object.keys(committed)).toEqual(Object.keys(made));
      for (const [name, text] of Object.entries(made)) expect(committed[name], name).toBe(text);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('has a page for each entry, with all that it exports', () => {
    for (const [specifier, exported] of Object.entries(modules)) {
      const page = apiPages().find(({ text }) => text.startsWith(`# ${specifier}\n`));
      expect(page, specifier).toBeDefined();
      const titles = new Set(
        [...page!.text.matchAll(/^### (?:`abstract` )?(\S+?)(?:\(\))?$/gm)].map((match) =>
          match[1]!.replaceAll('\\', ''),
        ),
      );
      expect(
        Object.keys(exported).filter((name) => !titles.has(name)),
        specifier,
      ).toEqual([]);
    }
  });

  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(5);
  });

  it.each(examples)('runs, and prints what its comments say: %s', async (example) => {
    const printed: string[] = [];
    const log = (...values: unknown[]) => printed.push(values.map(String).join(' '));
    await runSample(example, modules, { console: { log } });
    const expected = [...example.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]!);
    expect(printed.slice(0, expected.length)).toEqual(expected);
    if (example.includes('console.log')) expect(printed).not.toEqual([]);
  });
});
