import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');

/** A project in which only the package is installed, as it would be published. */
let project: string;
let installed: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'streamfs-package-'));
  await run('npm', ['pack', '--pack-destination', project], { cwd: ROOT });
  const tarball = (await readdir(project)).find((name) => name.endsWith('.tgz'));
  expect(tarball).toBeDefined();
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
  const quiet = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
  await run('npm', ['install', ...quiet, join(project, tarball!)], { cwd: project });
  installed = join(project, 'node_modules', packageJson.name);
}, 120_000);

afterAll(() => rm(project, { recursive: true, force: true }));

/** Runs a module in the project and returns its output. */
async function evaluate(code: string): Promise<string> {
  const file = join(project, 'main.mjs');
  await writeFile(file, code);
  const { stdout } = await run(process.execPath, [file], { cwd: project });
  return stdout;
}

/** All files loaded with `entry`, before any call, with the packages they import. */
async function staticGraph(entry: string): Promise<{ files: string[]; packages: string[] }> {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = async (file: string): Promise<void> => {
    if (files.has(file)) return;
    files.add(file);
    const source = ts.createSourceFile(file, await readFile(file, 'utf8'), ts.ScriptTarget.Latest);
    for (const statement of source.statements) {
      if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
      if (!statement.moduleSpecifier) continue;
      const specifier = (statement.moduleSpecifier as ts.StringLiteral).text;
      if (specifier.startsWith('.')) await visit(resolve(dirname(file), specifier));
      else packages.add(specifier);
    }
  };
  await visit(entry);
  return { files: [...files], packages: [...packages] };
}

const subpaths = Object.keys(packageJson.exports).filter((path) => path !== './package.json');

describe('the installed package', () => {
  it('contract 103: has the page and the licences of what is in it, and needs none of that to be installed', async () => {
    const files = await readdir(join(installed, 'dist/ui'), { recursive: true });
    expect(files).toContain('index.html');
    expect(files).toContain('manifest.json');
    expect(files.some((name) => /^assets.main-.+\.js\.br$/.test(name))).toBe(true);
    const notice = await readFile(join(installed, 'dist/NOTICE'), 'utf8');
    for (const name of ['preact', '@preact/signals', 'uplot', '@xterm/xterm', 'mpegts.js']) {
      expect(notice).toMatch(new RegExp(`^${name} \\d`, 'm'));
      expect(Object.keys(packageJson.dependencies)).not.toContain(name);
    }
  });

  it.each(subpaths)('contract 87: can be imported as %s', async (subpath) => {
    const specifier = join(packageJson.name, subpath);
    const names = JSON.parse(
      await evaluate(`console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(specifier)}))))`),
    );
    expect(names.length).toBeGreaterThan(0);
  });

  it('tells its version as a module and as a program', async () => {
    const { stdout } = await run(join(project, 'node_modules/.bin/streamfs'), ['--version'], { cwd: project });
    expect(stdout).toContain(packageJson.version);
    const code = `import pkg from '${packageJson.name}/package.json' with { type: 'json' }; console.log(pkg.version);`;
    expect((await evaluate(code)).trim()).toBe(packageJson.version);
  });

  it('contract 87: runs a server and streams without a command line', async () => {
    const out = await evaluate(`
      import { startApp, Stream } from 'streamfsd';
      import { StreamFSClient } from 'streamfsd/client';
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      const app = await startApp({ address: '127.0.0.1:0', logger });
      await fetch(app.url + '/api/v1/files?path=/streamfs/x', { method: 'PUT', body: 'over http' });
      const answer = await fetch(app.url + '/api/v1/files?path=/streamfs/x&snapshot=true');
      console.log(await answer.text(), typeof Stream, typeof StreamFSClient);
      await app.shutdown();
    `);
    expect(out).toBe('over http function function\n');
  });

  it('shares one error class between its entries', async () => {
    const out = await evaluate(`
      import { isStreamFSError, parseSize } from 'streamfsd';
      import { PluginRegistry } from 'streamfsd/fs';
      try { new PluginRegistry().get('nosuchfs'); } catch (error) { console.log(isStreamFSError(error, 'UNKNOWN_FSTYPE')); }
    `);
    expect(out).toBe('true\n');
  });

  it('contract 87: has a client with nothing of Node in it, and no dependencies', async () => {
    const { files, packages } = await staticGraph(join(installed, 'dist/client/index.js'));
    expect(packages).toEqual([]);
    for (const file of files) {
      expect(await readFile(file, 'utf8'), file).not.toMatch(
        /\b(from|import)\s*\(?\s*["']node:|\brequire\(|\bprocess\.|\bBuffer\b/,
      );
    }
  });

  it('has a program that loads neither the server nor its dependencies before it needs them', async () => {
    const { packages } = await staticGraph(join(installed, 'dist/cli/main.js'));
    const heavy = packages.filter((name) =>
      ['zod', 'yaml', 'smol-toml', 'pino', 'hash-wasm', 'node:http'].includes(name),
    );
    expect(heavy).toEqual([]);
  });

  it('has types for a client in a browser, without types of Node', () => {
    const code = `
      import { type FetchFunction, StreamFSClient } from 'streamfsd/client';
      export const clientOf = (other: FetchFunction): StreamFSClient => new StreamFSClient({ url: location.origin, fetch: other });
      export const client = new StreamFSClient({ url: location.origin, fetch: (url, init) => fetch(url, init as RequestInit) });
    `;
    expect(typeErrors('client.mts', code, { types: [], lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'] })).toEqual([]);
  });

  it('contract 87: has types for every entry', () => {
    const code = subpaths
      .map((subpath, index) => `export * as entry${index} from '${join(packageJson.name, subpath)}';`)
      .join('\n');
    const options = { types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')], lib: ['lib.es2023.d.ts'] };
    expect(typeErrors('entries.mts', code, options)).toEqual([]);
  });

  it('brings no sources, tests or scripts', async () => {
    const top = (await readdir(installed)).sort();
    expect(top).toEqual(expect.arrayContaining(['dist', 'package.json']));
    for (const name of ['src', 'test', 'scripts', 'bench', '.ci']) expect(top).not.toContain(name);
  });
});

/** The compiler's errors for a file in the project, the package's own declarations included. */
function typeErrors(name: string, code: string, options: ts.CompilerOptions): string[] {
  const file = join(project, name);
  ts.sys.writeFile(file, code);
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
    ...options,
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file: where, messageText }) => `${where?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
}
