import { describe, expect, it } from 'vitest';
import { Connections } from './connections.ts';

describe('the connections of the page', () => {
  it('are given in the order of the requests, and at the limit only after one is released', async () => {
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
    // Releasing twice does not free another connection.
    first();
    (await third)();
    await fourth;
    expect(got).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are not given to an aborted request', async () => {
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
