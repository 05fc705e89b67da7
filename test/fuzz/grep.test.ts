/** Arbitrary patterns: matches, or an error; in time, and without blocking anybody else. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { HandleTable, MountTable, PluginRegistry } from '../../src/fs/index.ts';
import { memfsPlugin } from '../../src/plugins/index.ts';
import { createServer, type StreamFSServer } from '../../src/server/index.ts';
import { recorder } from '../app/recorder.ts';
import { fuzz } from './run-length.ts';

const ATOMS = [
  'a',
  '.',
  '\\w',
  '[a-z]',
  '[^',
  '(',
  ')',
  '(?:',
  '(?i)',
  '(?=',
  '(?<n>',
  '\\1',
  '\\k<n>',
  '|',
  '^',
  '$',
  '\\b',
  '\\p{L}',
  '\\u{1F3AC}',
  '\\x',
  '\\',
  'ü',
  '🎬',
  '\ud800',
  '\0',
];
const REPEATS = ['*', '+', '?', '{2}', '{1,}', '{1000}', '{99999999999}', '*?', '+?', ''];
const pattern = fc.oneof(
  fc
    .array(fc.tuple(fc.constantFrom(...ATOMS), fc.constantFrom(...REPEATS)), { maxLength: 10 })
    .map((parts) => parts.flat().join('')),
  fc.constantFrom(
    '(a+)+$',
    '(a|a)*b',
    '(.*)*x',
    '((a{1,100}){1,100}){1,100}',
    '(?:a?){40}a{40}',
    '('.repeat(2000),
    `[${'a-z'.repeat(1300)}]`,
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

let server: StreamFSServer;
let url = '';
const logger = recorder();

beforeAll(async () => {
  const mounts = new MountTable({ registry: new PluginRegistry([memfsPlugin]) });
  const handles = new HandleTable({ mounts });
  const version = { version: '', gitCommit: '', buildTime: '' };
  server = createServer({ mounts, handles, logger, maxRequestBodyBytes: 1e6, version, grepTimeLimit: 150 });
  await mounts.mount('memfs', '/memfs');
  url = `http://127.0.0.1:${(await server.listen('127.0.0.1', 0)).port}/api/v1`;
  const lines = ['a'.repeat(60), 'hello world', 'ü 日本 🎬', '', 'x'.repeat(5000), 'key=value; other="quoted"'];
  await ask('PUT', '/files?path=/memfs/text', lines.join('\n'));
  await ask('PUT', '/files?path=/memfs/bytes', Buffer.from([0, 255, 10, 195, 40, 10, 128]));
});
afterAll(() => server.close(0));

async function ask(method: string, path: string, body?: string | Uint8Array) {
  const response = await fetch(`${url}${path}`, { method, ...(body === undefined ? {} : { body }) });
  return { status: response.status, text: await response.text() };
}

describe('a search for any pattern', () => {
  fuzz('finds what there is, or says what is wrong with it, while others are served', 'grep', () =>
    fc.asyncProperty(pattern, fc.boolean(), fc.boolean(), async (text, insensitive, stream) => {
      const body = { path: '/memfs', pattern: text, recursive: true, case_insensitive: insensitive, stream };
      const searching = ask('POST', '/grep', JSON.stringify(body));
      expect((await ask('GET', '/health')).status).toBe(200);
      const { status, text: found } = await searching;
      if (status !== 200) {
        expect(status).toBe(400);
        expect(['INVALID_PATTERN', 'GREP_TOO_SLOW', 'PARAMETER_REQUIRED', 'INVALID_BODY']).toContain(
          (JSON.parse(found) as { code: string }).code,
        );
        return;
      }
      const lines = stream ? found.trimEnd().split('\n') : [found];
      for (const line of lines) expect(typeof JSON.parse(line)).toBe('object');
      expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    }),
  );
});
