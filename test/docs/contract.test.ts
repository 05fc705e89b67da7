import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { page, ROOT } from './pages.ts';

const PROMISES = [...page('docs/contract.md').text.matchAll(/^(\d+)\. /gm)].map((match) => Number(match[1]));

/** The numbers in `contract 17, 20-22`. */
function numbersIn(text: string): number[] {
  return [...text.matchAll(/\bcontract ((?:\d+(?: ?[-–] ?\d+)?(?:, )?)+)/g)].flatMap(([, list]) =>
    list!
      .split(',')
      .filter((part) => part.trim() !== '')
      .flatMap((part) => {
        const [from, to = from] = part.split(/[-–]/).map(Number) as [number, number?];
        return Array.from({ length: to! - from + 1 }, (_, n) => from + n);
      }),
  );
}

const filesIn = (folder: string) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(ROOT, folder, name), 'utf8') }));

describe('docs/contract.md', () => {
  it('numbers its promises from 1 on, in order, each number once', () => {
    expect(PROMISES.length).toBeGreaterThan(90);
    expect(PROMISES[0]).toBe(1);
    expect(PROMISES).toEqual([...new Set(PROMISES)].sort((a, b) => a - b));
  });

  it('has each promise that the code and its tests cite', () => {
    const wrong = [...filesIn('src'), ...filesIn('test')].flatMap(({ path, text }) =>
      numbersIn(text)
        .filter((number) => !PROMISES.includes(number))
        .map((number) => `${path} cites contract ${number}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has a test for each promise, which names it', () => {
    const tests = filesIn('test').filter(({ path }) => /\.(test|e2e)\.ts$/.test(path));
    const named = new Set(tests.flatMap(({ text }) => numbersIn(text)));
    expect(PROMISES.filter((number) => !named.has(number))).toEqual([]);
  });
});
