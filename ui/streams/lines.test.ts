import { describe, expect, it } from 'vitest';
import { Rates } from '../feed/rates.ts';
import { type StreamRow, streamRow } from '../feed/stream-row.ts';
import { filtered, listLines, type Order, treeLines } from './lines.ts';

function row(path: string, facts: Record<string, string> = {}, size = 0): StreamRow {
  const meta = { Name: 'streamfs', Type: 'stream', Content: { state: 'open', type: 'text/plain', ...facts } };
  const info = { name: '', size, mode: 0o644, modTime: '2026-01-01T00:00:00Z', isDir: false, meta };
  return streamRow(path, info, new Rates(), 0)!;
}

const byPath: Order = { keyOf: ({ path }) => path, descending: false };
const ROWS = [row('/s/b/log', { active_readers: '2' }, 10), row('/s/a', {}, 5), row('/s/b/c/x', { max_lag: '7' }, 20)];

describe('the list of streams', () => {
  it('is sorted by a column', () => {
    expect(listLines(ROWS, byPath).map(({ path }) => path)).toEqual(['/s/a', '/s/b/c/x', '/s/b/log']);
    const bySize: Order = { keyOf: ({ size }) => size, descending: true };
    expect(listLines(ROWS, bySize).map(({ size }) => size)).toEqual([20, 10, 5]);
  });

  it('has unknown values last in both directions', () => {
    const order = (descending: boolean): Order => ({
      keyOf: ({ path, size }) => (path === '/s/a' ? undefined : size),
      descending,
    });
    for (const way of [true, false]) expect(listLines(ROWS, order(way)).at(-1)?.path).toBe('/s/a');
  });

  it('as a tree has one line for a chain of directories with a single child', () => {
    const rows = [row('/s/a/b/c/x'), row('/s/a/b/c/y'), row('/s/ab/z')];
    const lines = treeLines(rows, byPath, new Set());
    expect(lines.map(({ name, depth }) => `${' '.repeat(depth)}${name}`)).toEqual([
      's',
      ' a/b/c',
      '  x',
      '  y',
      ' ab',
      '  z',
    ]);
    expect(treeLines(rows, byPath, new Set(['/s/a/b/c'])).map(({ name }) => name)).toEqual(['s', 'a/b/c', 'ab', 'z']);
  });

  it('as a tree has directories with their contents, which can be folded', () => {
    const open = treeLines(ROWS, byPath, new Set());
    expect(open.map(({ name, depth }) => `${' '.repeat(depth)}${name}`)).toEqual([
      's',
      ' a',
      ' b',
      '  c',
      '   x',
      '  log',
    ]);
    expect(open[2]).toMatchObject({
      path: '/s/b',
      readers: 2,
      lag: 7,
      size: 30,
      directory: { count: 2, isOpen: true },
    });
    const folded = treeLines(ROWS, byPath, new Set(['/s/b']));
    expect(folded.map(({ name }) => name)).toEqual(['s', 'a', 'b']);
  });

  it('is filtered by words, all of which are in the path, type or state', () => {
    expect(filtered(ROWS, ' B  log ').map(({ path }) => path)).toEqual(['/s/b/log']);
    expect(filtered(ROWS, 'text open')).toHaveLength(3);
    expect(filtered(ROWS, 'video')).toEqual([]);
    expect(filtered(ROWS, '')).toBe(ROWS);
  });
});
