import { describe, expect, it } from 'vitest';
import { Connections } from './connections.ts';

describe('the connections of the page', () => {
  it('are given in the order in which they were asked for, and one more only when one is given back', async () => {
    const connections = new Connections(2);
    const got: string[] = [];
    const take = async (name: string) => {
      const release = await connections.take(undefined);
      got.push(name);
      return release;
    };
    const first = await take('a');
    await take('b');
    const third = take('c');
    const fourth = take('d');
    await Promise.resolve();
    expect(got).toEqual(['a', 'b']);
    first();
    // Twice is harmless: it does not make one more.
    first();
    (await third)();
    await fourth;
    expect(got).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are not waited for by what was given up, which takes no place', async () => {
    const connections = new Connections(1);
    const release = await connections.take(undefined);
    const leaving = new AbortController();
    const given = connections.take(leaving.signal);
    const next = connections.take(undefined);
    leaving.abort(new Error('left'));
    await expect(given).rejects.toThrow('left');
    release();
    await next;
    await expect(connections.take(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  });
});
