import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const SRC = resolve(import.meta.dirname, '../../src');

/** The layers that each layer may import. Imports of types count like all others: a layer that names another knows it. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  logging: [],
  protocol: [],
  units: ['errors'],
  core: ['errors', 'protocol', 'units'],
  fs: ['core', 'errors', 'units', 'logging', 'protocol'],
  persist: ['core', 'errors', 'units', 'logging', 'protocol'],
  logs: ['core', 'errors', 'units', 'logging', 'protocol'],
  media: ['core'],
  plugins: ['media', 'persist', 'logs', 'fs', 'core', 'errors', 'units', 'logging', 'protocol'],
  server: ['fs', 'core', 'errors', 'units', 'logging', 'protocol'],
  config: ['errors', 'units', 'protocol'],
  client: ['errors', 'units', 'protocol'],
  app: ['config', 'plugins', 'server', 'fs', 'core', 'errors', 'units', 'logging', 'protocol'],
  cli: ['client', 'app', 'config', 'persist', 'errors', 'units', 'protocol'],
};

/** The page, a separate program next to src, and the parts of src that it may import. */
const UI = resolve(SRC, '../ui');
const LAYERS_OF_UI: readonly string[] = ['client', 'errors', 'units', 'protocol'];

/** The layers that may import the core's internals; all others use the published interfaces. */
const CORE_INTERNALS = { file: 'core/internal.ts', layers: ['media', 'persist', 'logs', 'plugins', 'server'] };

/** Units of the server (a folder, or a file next to them), in the order of dependency: each may import those before it. */
const SERVER_UNITS = [
  'net',
  'auth',
  'ingest',
  'grep',
  'limits',
  'metrics',
  'encoding',
  'http',
  'openapi',
  'egress',
  'agfs',
  'durable-streams',
  'ui',
  'websocket',
  'fast-path',
  'routes.ts',
  'server.ts',
  'index.ts',
];

/** Folders whose classes have thousands of instances in a server: docs/adr/0027-use-hash-names-for-private-members.md. */
const MADE_BY_THE_THOUSAND = [
  'core',
  'media',
  'plugins/streamfs',
  'server/egress',
  'server/fast-path',
  'server/websocket',
];

/** Layers that run in browsers as well. */
const PORTABLE = ['errors', 'units', 'protocol', 'core', 'client'];

interface Source {
  /** Relative to src, with `/`. */
  path: string;
  layer: string;
  /** As written. */
  imports: readonly string[];
  /** Imports that exist at run time too: two files may know each other's types. */
  running: readonly string[];
  privates: PrivateMembers;
}

/** Private members of classes, by their spelling: `#x`, `private x`. */
interface PrivateMembers {
  hashes: readonly string[];
  keywords: readonly string[];
}

const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name): Source => {
    const text = readFileSync(join(SRC, name), 'utf8');
    const path = name.split(sep).join('/');
    return {
      path,
      layer: path.includes('/') ? path.slice(0, path.indexOf('/')) : '',
      imports: ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName),
      running: runningImports(name, text),
      privates: privateMembers(name, text),
    };
  });

/** Imports and re-exports other than for types alone. A dynamic import runs later, so it makes no cycle. */
function runningImports(name: string, text: string): string[] {
  return ts.createSourceFile(name, text, ts.ScriptTarget.Latest).statements.flatMap((statement) => {
    if (ts.isImportDeclaration(statement)) {
      const typeOnly = statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      return typeOnly ? [] : [(statement.moduleSpecifier as ts.StringLiteral).text];
    }
    if (!ts.isExportDeclaration(statement) || statement.isTypeOnly || !statement.moduleSpecifier) return [];
    return [(statement.moduleSpecifier as ts.StringLiteral).text];
  });
}

function privateMembers(name: string, text: string): PrivateMembers {
  const hashes: string[] = [];
  const keywords: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isClassElement(node) && node.name !== undefined) {
      const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
      if (ts.isPrivateIdentifier(node.name)) hashes.push(node.name.text);
      else if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)) keywords.push(node.name.getText());
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true));
  return { hashes, keywords };
}

/** The imported file, relative to src; undefined for a package. */
function targetOf(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return relative(SRC, resolve(SRC, dirname(source.path), specifier))
    .split(sep)
    .join('/');
}

const known = new Set(sources.map((source) => source.path));

describe('the architecture', () => {
  it('has sources to hold against it', () => {
    expect(sources.length).toBeGreaterThan(20);
    expect([...new Set(sources.map((source) => source.layer))].sort()).toEqual(['', ...Object.keys(LAYERS)].sort());
  });

  it('lets imports point one way only, from layer to layer', () => {
    const wrong = sources.flatMap((source) =>
      source.imports.flatMap((specifier) => {
        const target = targetOf(source, specifier);
        if (target === undefined || source.layer === '' || !known.has(target)) return [];
        const layer = target.slice(0, target.indexOf('/'));
        if (layer === source.layer || LAYERS[source.layer]?.includes(layer)) return [];
        return [`${source.path} imports ${target}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('lets imports inside the server point one way only, types included', () => {
    const unitOf = (path: string) => path.split('/')[1]!;
    const inside = sources.filter((source) => source.layer === 'server');
    expect([...new Set(inside.map((source) => unitOf(source.path)))].sort()).toEqual([...SERVER_UNITS].sort());
    const wrong = inside.flatMap((source) =>
      source.imports.flatMap((specifier) => {
        const target = targetOf(source, specifier);
        if (target === undefined || !target.startsWith('server/')) return [];
        const isUpward = SERVER_UNITS.indexOf(unitOf(target)) > SERVER_UNITS.indexOf(unitOf(source.path));
        return isUpward ? [`${source.path} imports ${target}`] : [];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it('lets only the server and the plugins at the inside of the core, and those through one file', () => {
    const wrong = sources.flatMap((source) =>
      source.imports.flatMap((specifier) => {
        const target = targetOf(source, specifier);
        if (target === undefined || source.layer === 'core' || !target.startsWith('core/')) return [];
        if (target === 'core/index.ts') return [];
        const isAllowed = target === CORE_INTERNALS.file && CORE_INTERNALS.layers.includes(source.layer);
        return isAllowed ? [] : [`${source.path} imports ${target}`];
      }),
    );
    expect(wrong).toEqual([]);
    expect(sources.some(({ path }) => path === CORE_INTERNALS.file)).toBe(true);
    const published = Object.values(packageJson.exports).map((entry) => JSON.stringify(entry));
    expect(published.filter((entry) => entry.includes('internal'))).toEqual([]);
  });

  it('imports files that exist, by their full names', () => {
    const wrong = sources.flatMap((source) =>
      source.imports
        .filter((specifier) => {
          const target = targetOf(source, specifier);
          return target !== undefined && !known.has(target) && target !== '../package.json';
        })
        .map((specifier) => `${source.path} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it('contract 87: gives core, client, errors and units nothing that only Node has', () => {
    const wrong = sources
      .filter((source) => PORTABLE.includes(source.layer))
      .flatMap((source) =>
        source.imports
          .filter((specifier) => specifier.startsWith('node:'))
          .map((specifier) => `${source.path} imports ${specifier}`),
      );
    expect(wrong).toEqual([]);
  });

  it('lets the page import only what runs in browsers, and of that only the client and the leaves', () => {
    const files = readdirSync(UI, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name));
    const imported = files.flatMap((name) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(UI, name), 'utf8'), true, true);
      return importedFiles.flatMap(({ fileName }) => {
        const target = relative(SRC, resolve(UI, dirname(name), fileName)).split(sep);
        return fileName.startsWith('.') && target[0] !== '..' ? [{ name, layer: target[0]! }] : [];
      });
    });
    expect(imported.filter(({ layer }) => !LAYERS_OF_UI.includes(layer))).toEqual([]);
    expect(imported.length).toBeGreaterThan(0);
  });

  it('gives core and errors no package either', () => {
    const wrong = sources
      .filter((source) => ['core', 'errors', 'units', 'protocol'].includes(source.layer))
      .flatMap((source) => source.imports.filter((specifier) => !specifier.startsWith('.')));
    expect(wrong).toEqual([]);
  });

  it('spells private members in one way: #x, and private where there is an object for each stream, reader or connection', () => {
    const wrong = sources.flatMap(({ path, privates }) => {
      const isMany = MADE_BY_THE_THOUSAND.some((folder) => path.startsWith(`${folder}/`));
      return privates[isMany ? 'hashes' : 'keywords'].map((name) => `${path}: ${name}`);
    });
    expect(wrong).toEqual([]);
    expect(sources.some(({ privates }) => privates.hashes.length > 0)).toBe(true);
    expect(sources.some(({ privates }) => privates.keywords.length > 0)).toBe(true);
  });

  it('has no cycle of imports at run time', () => {
    expect(cycles(sources, (source) => source.running)).toEqual([]);
  });

  it('has no cycle of imports, types included', () => {
    expect(cycles(sources, (source) => source.imports)).toEqual([]);
  });
});

/** Every cycle, as the path around it, from the file where the walk first met it. */
function cycles(among: readonly Source[], importsOf: (source: Source) => readonly string[]): string[] {
  const graph = new Map(
    among.map((source) => [
      source.path,
      importsOf(source).flatMap((specifier) => {
        const target = targetOf(source, specifier);
        return target !== undefined && known.has(target) ? [target] : [];
      }),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]) => {
    const at = way.indexOf(path);
    if (at >= 0) {
      found.push([...way.slice(at), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}
