import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  baseName,
  DEFAULT_PATH_LIMITS,
  isWithin,
  joinPath,
  MAX_PART_BYTES,
  normalizePath,
  type PathLimits,
  parentPath,
  pathInside,
  splitPath,
} from '../../src/fs/index.ts';

const refusalOf = (path: string, limits?: PathLimits): unknown => {
  try {
    return `accepted as ${normalizePath(path, limits)}`;
  } catch (error) {
    return error;
  }
};

const reasonOf = (path: string): string => {
  try {
    return `accepted as ${normalizePath(path)}`;
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_PATH', status: 400 });
    return (error as Error).message;
  }
};

/** Valid, normalised parts. */
const part = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/[/\p{Cc}\p{Cs}]/u.test(text) && text !== '.' && text !== '..');
const parts = fc.array(part, { maxLength: 6 });

describe('normalizePath', () => {
  it('contract 44: live, /live, //live/ and /./live are one path', () => {
    for (const path of ['live', '/live', '//live/', '/live//', './live', '/./live/.']) {
      expect(normalizePath(path)).toBe('/live');
    }
  });

  it('takes the empty path and any number of slashes for the root', () => {
    for (const path of ['', '/', '//', '.', '/./']) expect(normalizePath(path)).toBe('/');
  });

  it('contract 44: refuses a ".." part, but not dots inside a name', () => {
    for (const path of ['..', '/..', '/a/../b', 'a/..']) expect(reasonOf(path)).toContain('".." part');
    for (const path of ['/...', '/a..b', '/..a', '/a..']) expect(normalizePath(path)).toBe(path);
  });

  it('contract 44: refuses NUL and control characters, and says which it was', () => {
    expect(reasonOf('/a\0b')).toBe('invalid path "/a\\u0000b": it holds a NUL character');
    for (const character of ['\n', '\t', '\x1b', '\x7f', '\x85']) {
      expect(reasonOf(`/a${character}b`)).toContain('it holds a control character');
    }
  });

  it('refuses text that is not well-formed Unicode', () => {
    expect(reasonOf('/a\ud800b')).toContain('not well-formed');
    expect(normalizePath('/😀')).toBe('/😀');
  });

  it('counts the longest part in bytes of UTF-8', () => {
    expect(normalizePath(`/${'a'.repeat(MAX_PART_BYTES)}`)).toHaveLength(MAX_PART_BYTES + 1);
    expect(normalizePath(`/${'ü'.repeat(127)}`)).toHaveLength(128);
    expect(reasonOf(`/${'a'.repeat(MAX_PART_BYTES + 1)}`)).toContain('over 255 bytes');
    expect(reasonOf(`/${'ü'.repeat(128)}`)).toContain('over 255 bytes');
  });

  it('counts the longest path once it is normalised, so slashes that say nothing cost nothing', () => {
    const longest = `/${'a'.repeat(127)}`.repeat(DEFAULT_PATH_LIMITS.length / 128);
    expect(normalizePath(longest)).toBe(longest);
    expect(normalizePath(`${'/'.repeat(5000)}live`)).toBe('/live');
    expect(refusalOf(`${longest}h`)).toMatchObject({
      code: 'PATH_TOO_LONG',
      status: 414,
      details: { limit: 'path_length', max: 4096 },
    });
  });

  it('counts parts, since each makes a directory, and takes other limits where it is given them', () => {
    const deepest = '/a'.repeat(DEFAULT_PATH_LIMITS.depth);
    expect(normalizePath(deepest)).toBe(deepest);
    expect(refusalOf(`${deepest}/b`)).toMatchObject({
      code: 'PATH_TOO_DEEP',
      details: { limit: 'path_depth', max: 64 },
    });
    expect(normalizePath(`${deepest}/b`, { length: 200, depth: 65 })).toBe(`${deepest}/b`);
    expect(refusalOf('/abc', { length: 3, depth: 1 })).toMatchObject({ code: 'PATH_TOO_LONG' });
  });

  it('shows the beginning of a path that is too long, not all of it', () => {
    expect(reasonOf('ab'.repeat(100_000)).length).toBeLessThan(300);
  });

  it('gives the same whatever slashes and dots lie between the parts', () => {
    const between = fc.constantFrom('/', '//', '/./', '///');
    fc.assert(
      fc.property(parts, fc.array(between, { minLength: 7, maxLength: 7 }), (names, slashes) => {
        const written = names.map((name, index) => `${slashes[index]}${name}`).join('') + slashes[6];
        expect(normalizePath(written)).toBe(`/${names.join('/')}`);
      }),
    );
  });

  it('either refuses or gives a path that normalising again does not change', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('.', '/', 'a') })),
        (text) => {
          let normal: string;
          try {
            normal = normalizePath(text);
          } catch (error) {
            expect(error).toMatchObject({ code: 'INVALID_PATH' });
            return;
          }
          expect(normalizePath(normal)).toBe(normal);
          expect(splitPath(normal)).not.toContain('..');
          expect(normal.startsWith('/')).toBe(true);
          expect(normal === '/' || !normal.endsWith('/')).toBe(true);
        },
      ),
    );
  });
});

describe('paths taken apart', () => {
  it('puts together again what it took apart', () => {
    fc.assert(
      fc.property(parts, (names) => {
        const path = normalizePath(names.join('/'));
        expect(splitPath(path)).toEqual(names);
        if (path !== '/') expect(joinPath(parentPath(path), baseName(path))).toBe(path);
      }),
    );
  });

  it('finds a path inside the directory it was joined to', () => {
    fc.assert(
      fc.property(parts, parts, (above, below) => {
        const directory = normalizePath(above.join('/'));
        const path = joinPath(directory, normalizePath(below.join('/')));
        expect(isWithin(path, directory)).toBe(true);
        expect(pathInside(path, directory)).toBe(normalizePath(below.join('/')));
      }),
    );
  });

  it('takes the root for its own parent and its own name', () => {
    expect([parentPath('/'), baseName('/'), splitPath('/')]).toEqual(['/', '/', []]);
    expect(parentPath('/a')).toBe('/');
    expect(joinPath('/a', '/')).toBe('/a');
  });

  it('contract 75: compares whole parts', () => {
    expect(isWithin('/a/bc', '/a/b')).toBe(false);
    expect(isWithin('/a/b/c', '/a/b')).toBe(true);
    expect(isWithin('/a', '/a/b')).toBe(false);
  });
});
