/** All use of undocumented Node internals is in one folder, and in the list at the head of its index. */
import { describe, expect, it } from 'vitest';
import { sources } from '../docs/pages.ts';

const FOLDER = 'src/server/net/';

/** Each finds undocumented names of Node, or documented ones in an undocumented use, with the name as a group. */
const UNDOCUMENTED: readonly RegExp[] = [
  // Members that begin with _, of any object: read, called, destructured, overridden, listened to.
  /\.(_[a-z]\w*)/g,
  /\{\s*(_[a-z]\w*)\??\s*:/g,
  /\boverride (_[a-z]\w*|emit|listeners)\b/g,
  /\.(?:on|once|off|emit)\(\s*'(_\w+)'/g,
  // Members of sockets, servers and responses.
  /\b(onconnection|useUserBuffer|emitClose|decodeStrings|allBuffers|httpAllowHalfOpen|writeQueueSize)\b/g,
  /\.(listeners)\('connection'\)/g,
  /\b(?:res|response)\.(socket) (?:===|!==) (?:null|undefined)/g,
  /\b(?:res|response)\.(?:on|once|off)\('(socket)'/g,
  /\b(?:req|request|res|response|socket|server|http)\.(emit)\(/g,
  /\b(?:res|response)\.(assignSocket|detachSocket)\(/g,
  /\b(?:req|request)\.(complete) =[^=]/g,
  /\b(?:req|request)\.(push)\(/g,
  // Other ways to Node's internals.
  /\bprocess\.(binding|_\w+)\b/g,
  /\b(internalBinding)\b/g,
  /\.(parser)\b(?=[.\s]*(?:\.|=|\())/g,
  /'node:(_\w+)'/g,
];

interface Use {
  path: string;
  name: string;
}

const uses: Use[] = sources('src').flatMap(({ path, text }) => {
  const code = text.replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, '');
  return UNDOCUMENTED.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => ({ path, name: match[1]! })));
});

describe('undocumented Node internals', () => {
  it('is used in src/server/net and nowhere else', () => {
    expect(uses.filter(({ path }) => !path.startsWith(FOLDER))).toEqual([]);
  });

  it('is used there, so that this test would see it elsewhere', () => {
    const names = new Set(uses.map(({ name }) => name));
    expect([...names].sort()).toEqual([
      '_destroy',
      '_handle',
      '_tlsError',
      '_write',
      '_writev',
      'allBuffers',
      'assignSocket',
      'complete',
      'decodeStrings',
      'detachSocket',
      'emit',
      'emitClose',
      'httpAllowHalfOpen',
      'listeners',
      'onconnection',
      'push',
      'socket',
      'useUserBuffer',
      'writeQueueSize',
    ]);
  });

  it('is listed with the file that uses it', () => {
    const index = sources(FOLDER.slice(0, -1)).find(({ path }) => path.endsWith('/index.ts'))!.text;
    const rows = index
      .slice(0, index.indexOf('*/'))
      .split('\n')
      .filter((line) => line.startsWith(' * | `') || line.startsWith(' * | a ') || line.startsWith(' * | the '));
    expect(rows.length).toBeGreaterThan(8);
    const missing = uses.filter(
      ({ path, name }) =>
        !rows.some((row) => row.includes(path.slice(FOLDER.length)) && new RegExp(`\\b${name}\\b`).test(row)),
    );
    expect(missing).toEqual([]);
    const files = rows.map((row) => /\| ([\w-]+\.ts) \|/.exec(row)?.[1]);
    const known = sources(FOLDER.slice(0, -1)).map(({ path }) => path.slice(FOLDER.length));
    expect(files.filter((file) => file === undefined || !known.includes(file))).toEqual([]);
  });
});
