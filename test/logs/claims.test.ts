/** Streams that readers on one node have opened before their first writer came, on another (contract 98, 106). */
import { describe, expect, it } from 'vitest';
import { follow } from '../server/harness.ts';
import { cluster, type Node } from './shared-streams.ts';

const PATH = '/s/a';
const SETTINGS = '&ring_buffer_size=100&channel_buffer_size=1000&container=lines&type=text/plain';

const put = ({ call }: Node, body: string, query = '') => call('PUT', `/files?path=${PATH}${query}`, { body });
const live = ({ port }: Node, query = '') => follow(port, `/files?path=${PATH}&stream=true${query}`);
const snapshot = async ({ call }: Node) => (await call('GET', `/files?path=${PATH}&snapshot=true`)).text;
const facts = async ({ call }: Node) => {
  const { meta } = (await call('GET', `/stat?path=${PATH}`)).json() as unknown as {
    meta: { Content: Record<string, string> };
  };
  return meta.Content;
};

describe('contract 98: a stream that readers of another node have opened first', () => {
  it('retains on that node as much as its first writer asked for', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    const reader = await live(b, '&create=true');
    const body = `${'x'.repeat(29)}\n`.repeat(10);
    expect((await put(a, body, SETTINGS)).status).toBe(200);
    await reader.until(300);
    expect([(await snapshot(a)).length, (await snapshot(b)).length]).toEqual([100, 100]);
    reader.cut();
  });

  it('has join points there according to its container', async () => {
    const { nodes } = await cluster(2);
    const [a, b] = nodes as [Node, Node];
    const reader = await live(b, '&create=true');
    await put(a, 'first\nsecond\nthird\nfou', SETTINGS);
    await reader.until(22);
    const joined = await Promise.all(nodes.map((node) => live(node, '&last=4&join=boundary')));
    await put(b, 'r\n');
    for (const one of joined) {
      expect(await one.until(5)).toBe('four\n');
      one.cut();
    }
    reader.cut();
  });

  it('has the settings of one writer on all nodes when the first writers of two nodes come at once', async () => {
    const { nodes } = await cluster(3);
    const [a, b, c] = nodes as [Node, Node, Node];
    const readers = await Promise.all([a, b, c].map((node) => live(node, '&create=true')));
    const answers = await Promise.all([
      put(a, 'a', '&ring_buffer_size=100&channel_buffer_size=100'),
      put(b, 'b', '&ring_buffer_size=200&channel_buffer_size=200'),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const refused = answers.find(({ status }) => status === 409)!;
    expect(refused.json().code).toBe('STREAM_SETTINGS_DIFFER');
    const size = answers[0]!.status === 200 ? '100' : '200';
    await Promise.all(readers.map((reader) => reader.until(1)));
    for (const node of nodes) expect((await facts(node)).ring_buffer_size).toBe(size);
    for (const reader of readers) reader.cut();
  });
});
