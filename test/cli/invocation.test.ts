import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { invocation } from '../../src/cli/invocation.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'streamfs-name-'));
  await mkdir(join(folder, 'bin'));
  await mkdir(join(folder, 'of others'));
  for (const name of ['main.js', 'other.js', "it's.js"]) await writeFile(join(folder, name), '');
  await symlink(join(folder, 'other.js'), join(folder, 'of others', 'streamfs'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the name of the program in lines to type', () => {
  it('is streamfs where the search path leads to it, also when it was called by its link', async () => {
    const link = join(folder, 'bin', 'streamfs');
    await symlink(join(folder, 'main.js'), link);
    const env = { PATH: ['', '/nowhere', join(folder, 'of others'), join(folder, 'bin')].join(delimiter) };
    expect(invocation(join(folder, 'main.js'), env)).toBe('streamfs');
    expect(invocation(link, env)).toBe('streamfs');
  });

  it('is node and its file where another or no streamfs is found', () => {
    const file = join(folder, 'main.js');
    for (const env of [{}, { PATH: join(folder, 'bin') }, { PATH: join(folder, 'of others') }]) {
      expect(invocation(file, env)).toBe(`node ${file}`);
    }
    expect(invocation(join(process.cwd(), 'package.json'), {})).toBe('node package.json');
  });

  it('can be typed whatever is in the path of its file', () => {
    expect(invocation(join(folder, "it's.js"), {})).toBe(`node '${folder}/it'\\''s.js'`);
  });
});
