import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { typeErrors } from '../docs/compile.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CORE = join(ROOT, 'src/core');

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
}

/** All names that a file uses or declares. */
function namesIn(file: string): Set<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return names;
}

/** The declaration files that come with an entry of the package. */
function declarationsOf(entry: string): string[] {
  const files = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const { fileName } of ts.preProcessFile(readFileSync(file, 'utf8')).importedFiles) {
      if (fileName.startsWith('.')) visit(resolve(dirname(file), fileName.replace(/\.js$/, '.d.ts')));
    }
  };
  visit(entry);
  return [...files];
}

/** Every class of the core: its published form is an interface with another name. */
const classes = readdirSync(CORE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) => parse(join(CORE, name)).statements.filter(ts.isClassDeclaration))
  .map((declaration) => declaration.name!.text);

const entries = Object.values(packageJson.exports)
  .flatMap((entry) => (typeof entry === 'string' ? [] : [entry.types]))
  .map((types) => join(ROOT, types));

describe('the published types', () => {
  it('name none of the classes that the core is made of, in any entry', () => {
    expect(classes).toEqual(expect.arrayContaining(['Ring', 'Slab', 'ReaderSet', 'WriterGate', 'StreamMemory']));
    const leaks = entries.flatMap((entry) =>
      declarationsOf(entry).flatMap((file) => {
        const names = namesIn(file);
        return classes.filter((name) => names.has(name)).map((name) => `${file}: ${name}`);
      }),
    );
    expect(leaks).toEqual([]);
    expect(namesIn(entries[1]!)).toContain('Stream');
  });

  it('let a program make streams and readers, and not reach what is behind them', { timeout: 120_000 }, () => {
    const begin = "import { MemoryBudget, type Reader, Stream } from 'streamfsd/core';\n";
    const make = 'const stream: Stream = new Stream({ retention: 1, maxLag: 1, budget: new MemoryBudget(0) });\n';
    const right = `${begin}${make}const reader: Reader = stream.openReader();\nawait reader.read({ timeout: 0 });\n`;
    const reach = [
      'stream.ring.append(new Uint8Array(1));',
      'stream.memory?.release();',
      'stream.rules;',
      'stream.openReader().peek();',
      'stream.openReader().place = 1;',
      'stream.openReader().stream.ring;',
      "new Stream({ name: 'a' }, {});",
      'new MemoryBudget(0).makeRoom(1);',
      "import('streamfsd/core/internal');",
      'stream.modifiedAt = 0;',
    ];
    const wrong = Object.fromEntries(reach.map((line, n) => [`wrong${n}.mts`, `${begin}${make}${line}\nexport {};\n`]));
    const errors = typeErrors({ 'right.mts': right, ...wrong }, 'built');
    expect(errors.filter((error) => error.includes('right.mts'))).toEqual([]);
    expect(reach.filter((_, n) => !errors.some((error) => error.includes(`/wrong${n}.mts:`)))).toEqual([]);
  });
});
