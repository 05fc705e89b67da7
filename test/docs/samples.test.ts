import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/index.ts';
import { MemoryBudget, Stream } from '../../src/core/index.ts';
import { parseSettings } from '../../src/plugins/streamfs/settings.ts';
import { typeErrors } from './compile.ts';
import { blocksOf } from './markdown.ts';
import { allPages, apiPages, page } from './pages.ts';
import { pluginSamples } from './plugin-samples.ts';

const CONFIGURATION = page('docs/configuration.md').text;
/** The samples of the page on plugins import each other, so they have names: see plugin-samples.ts. */
const samples = [...allPages(), ...apiPages()].flatMap(({ path, text }) =>
  (path === 'docs/plugins.md' ? [] : blocksOf(text))
    .filter((block) => block.language === 'ts')
    .map((block) => ({ path, text: block.text })),
);

/** The examples in the comments of the core's published types. */
const examples = [...page('src/core/public.ts').text.matchAll(/@example\n\s*\* ```ts\n(.*?)```/gs)].map(([, lines]) =>
  lines!.replace(/^\s*\* ?/gm, ''),
);

describe('samples in the pages', () => {
  // One program for all pages: most of the time is spent on the types of the package.
  it('TypeScript holds against the types of the package', { timeout: 180_000 }, () => {
    expect(samples.length).toBeGreaterThan(2);
    const modules = Object.fromEntries(samples.map((sample, index) => [`sample${index}.mts`, sample.text]));
    for (const [index, text] of examples.entries()) modules[`example${index}.mts`] = text;
    const wrong =
      "import { Stream } from 'streamfsd/core';\nnew Stream({ retention: '1MB', maxLag: 1 });\nexport {};\n";
    const errors = typeErrors({ ...modules, ...pluginSamples, 'wrong.mts': wrong });
    expect(errors.filter((error) => !error.includes('wrong.mts'))).toEqual([]);
    expect(errors.filter((error) => error.includes('wrong.mts'))).toHaveLength(1);
  });

  it('examples of the core run, and print what their comments say', async () => {
    expect(examples.length).toBeGreaterThan(4);
    const AsyncFunction = (async () => undefined).constructor as new (
      ...source: string[]
    ) => (...given: unknown[]) => Promise<void>;
    for (const text of examples) {
      const printed: string[] = [];
      const log = (...values: unknown[]) => printed.push(values.join(' '));
      const body = text.replace(/^import .*$/gm, '');
      await new AsyncFunction('Stream', 'MemoryBudget', 'console', body)(Stream, MemoryBudget, { log });
      const expectedOutput = [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map((match) => match[1]!);
      if (expectedOutput.length > 0) expect(printed).toEqual(expectedOutput);
    }
  });

  it('configurations load, and say the same in YAML and in TOML', () => {
    const texts = blocksOf(CONFIGURATION).filter(({ language }) => language === 'yaml' || language === 'toml');
    expect(texts.map(({ language }) => language)).toEqual(['yaml', 'toml']);
    const [yaml, toml] = texts.map(({ language, text }) => {
      const config = parseConfig(text, `sample.${language}`);
      return { ...config, mounts: config.mounts.map(({ where: _, ...mount }) => mount) };
    });
    expect(toml).toEqual(yaml);
    expect(yaml?.mounts.map((mount) => mount.plugin)).toEqual(['streamfs', 'devfs']);
    expect(parseSettings(yaml!.mounts[0]!.config).retention).toBe(8 * 1024 * 1024);
  });

  it('the bound on memory holds with the defaults', () => {
    const bound = Number(/With the defaults that is at most ([\d.]+) MB/.exec(CONFIGURATION)?.[1]) * 1024 * 1024;
    const { retention, maxLag } = parseSettings({});
    for (const size of [10, 1000, 65_536]) {
      const stream = new Stream({ retention, maxLag });
      stream.openReader();
      let most = 0;
      for (let writes = 0; writes * size < 2.5 * retention; writes++) {
        stream.append(new Uint8Array(size));
        if (writes % 16 === 0) most = Math.max(most, stream.stats().memory);
      }
      expect(most, `writes of ${size} bytes`).toBeGreaterThan(retention);
      expect(most, `writes of ${size} bytes`).toBeLessThanOrEqual(bound);
    }
  });

  it('parameters of a streamfs mount are those that there are', () => {
    for (const key of ['ring_buffer_size', 'channel_buffer_size', 'on_lag', 'block_timeout', 'auto_create']) {
      expect(CONFIGURATION).toContain(`\`${key}\` |`);
    }
    const named = [...CONFIGURATION.matchAll(/`(auto_\w+|\w+_buffer_size|on_lag|block_\w+)`/g)].map(
      (match) => match[1]!,
    );
    expect(() => parseSettings(Object.fromEntries(named.map((key) => [key, valueFor(key)])))).not.toThrow();
  });
});

function valueFor(key: string): string | boolean {
  if (key === 'auto_create') return true;
  if (key === 'on_lag') return 'block';
  return key === 'block_timeout' ? '5s' : '1MB';
}
