import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { streamfsPlugin } from '../../src/plugins/index.ts';
import { FRAME_TYPES, HEADERS, QUERY_PARAMETERS, READ_END_REASONS } from '../../src/protocol/index.ts';
import { ROUTES } from '../../src/server/index.ts';
import { recorder } from '../plugins/streamfs/setup.ts';
import { codeSpans, proseOf } from './markdown.ts';
import { allPages, page, sources } from './pages.ts';

const PROTOCOL = page('docs/protocol.md').text;
/** Without the second protocol, which has its own page. */
const SERVER = sources('src/server').filter(({ path }) => !path.includes('durable-streams'));

/** Query parameters that a route describes. */
const described = new Set(
  ROUTES.flatMap((route) => route.parameters.filter((each) => each.in === 'query').map((each) => each.name)),
);

/** Query parameters that the server's code reads. */
const read = new Set(
  SERVER.flatMap(({ text }) =>
    [...text.matchAll(/\bquery\.(?:text|boolean|integer|size|duration|oneOf|mode)\(\s*'(\w+)'/g)].map(
      (each) => each[1]!,
    ),
  ),
);

/** Names in the protocol of the form `name` or `name=value`, also in the query of a route. */
const mentioned = new Set(
  codeSpans(PROTOCOL).flatMap((span) =>
    [...span.matchAll(/(?:^|[?&])([a-z_]+)(?==)/g), ...span.matchAll(/^([a-z_]+)$/g)].map((match) => match[1]!),
  ),
);

/** Names with a value, which can only be parameters. */
const given = [...PROTOCOL.matchAll(/[`?&]([a-z_]+)=[^`]/g)].map((match) => match[1]!);

describe('docs/protocol.md', () => {
  it('query parameters of the routes are those that the protocol names', () => {
    expect([...described].sort()).toEqual([...QUERY_PARAMETERS].sort());
  });

  it('routes describe just the query parameters that the server reads', () => {
    expect([...described].sort()).toEqual([...read, 'path'].sort());
  });

  it('explains every query parameter that the server reads', () => {
    expect([...described].filter((name) => !mentioned.has(name))).toEqual([]);
  });

  it('shows no query parameter that the server does not read', () => {
    expect(given.length).toBeGreaterThan(20);
    expect(given.filter((name) => !described.has(name))).toEqual([]);
  });

  it('has in its tables of parameters just those of the routes', () => {
    const section = (from: string, to: string) => PROTOCOL.slice(PROTOCOL.indexOf(from), PROTOCOL.indexOf(to));
    const rows = (text: string) =>
      [...text.matchAll(/^\| (`\w+=.*?) \|/gm)].flatMap(([, cell]) =>
        [...cell!.matchAll(/`(\w+)=/g)].map((match) => match[1]!),
      );
    const queryOf = (method: string, pattern: string) =>
      ROUTES.find((route) => route.method === method && route.pattern === `/api/v1${pattern}`)!
        .parameters.filter((each) => each.in === 'query')
        .map((each) => each.name);
    const unique = (names: string[]) => [...new Set(names)].sort();
    // Parameters that select the kind of read are in headings; those of files alone are in their own section.
    const elsewhere = ['path', 'stream', 'snapshot', 'size'];
    const reading = section('### Reading a stream', '### Frames');
    expect(unique(rows(reading))).toEqual(unique(queryOf('GET', '/files')).filter((name) => !elsewhere.includes(name)));
    const writing = section('### Writing', '### Ending');
    expect(unique(rows(writing))).toEqual(unique(queryOf('PUT', '/files')).filter((name) => name !== 'path'));
    const handles = section('## Handles', '| request | meaning |');
    expect(unique(rows(handles))).toEqual(unique(queryOf('POST', '/handles/open')).filter((name) => name !== 'path'));
  });

  it('names every header of ours that the server sends, and no other', () => {
    const sent = Object.values(HEADERS).filter((name) => /^X-(?:Stream|Bytes|EOF)/.test(name));
    const named = [...PROTOCOL.matchAll(/`(X-(?:Stream|Bytes|EOF)[\w-]*)`/g)].map((match) => match[1]!);
    expect([...new Set(named)].sort()).toEqual([...sent].sort());
  });

  it('has every frame type with its number', () => {
    for (const [name, number] of Object.entries(FRAME_TYPES)) {
      const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      expect(PROTOCOL).toContain(`| ${number} | ${kebab} |`);
    }
  });

  it('says every reason for which a read ends, in trailers and in frames', () => {
    const trailer = /`X-Stream-End` \(([^)]*)\)/s.exec(PROTOCOL)?.[1];
    const frame = /^\| 4 \| end \|.*$/m.exec(PROTOCOL)?.[0];
    for (const reason of READ_END_REASONS) {
      expect(trailer).toContain(`\`${reason}\``);
      expect(frame).toContain(`\`${reason}\``);
    }
  });

  it('lists just the facts that a stream has', async () => {
    const persist = await mkdtemp(join(tmpdir(), 'streamfs-facts-'));
    onTestFinished(() => rm(persist, { recursive: true, force: true }));
    const context = { mountPath: '/s', logger: recorder().logger };
    const { fileSystem, shutdown } = await streamfsPlugin.initialize({ persist }, context);
    onTestFinished(shutdown);
    await fileSystem.create('/x', { settings: { expiresAt: Date.now() + 60_000 } });
    await fileSystem.end('/x', { status: 'exit 3' });
    const { meta } = await fileSystem.stat('/x');
    const section = PROTOCOL.slice(PROTOCOL.indexOf('## Facts about a stream'), PROTOCOL.indexOf('## Handles'));
    const listed = [...section.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]!);
    expect(listed.sort()).toEqual(Object.keys(meta.Content ?? {}).sort());
  });

  it.each(allPages())('$path names only routes that there are', ({ text }) => {
    const patterns = ROUTES.map(
      (route) => `${route.method} ${route.pattern.replace('/api/v1', '').replace(':id', 'ID')}`,
    );
    const named = codeSpans(proseOf(text)).flatMap((span) => {
      const match = /^(GET|PUT|POST|DELETE) (\/[\w/:.-]*\w|\/)/.exec(span);
      return match ? [`${match[1]} ${match[2]!.replace('/api/v1', '').replace(':id', 'ID')}`] : [];
    });
    expect(named.filter((route) => !patterns.includes(route))).toEqual([]);
  });
});
