/** Compiles programs as users of the package write them. */
import { join } from 'node:path';
import ts from 'typescript';
import packageJson from '../../package.json' with { type: 'json' };
import { ROOT } from './pages.ts';

/**
 * The compiler's errors for modules, given by name, that import the package as users do.
 *
 * @param types the meaning of those imports: the sources, or the built declaration files, which may be older
 */
export function typeErrors(
  modules: Readonly<Record<string, string>>,
  types: 'sources' | 'built' = 'sources',
): string[] {
  const files = new Map(Object.entries(modules).map(([name, text]) => [join(ROOT, 'test/docs', name), text]));
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts'],
    types: ['node'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: true,
    noEmit: true,
    ...(types === 'sources' ? { paths: sourcesOfEntries() } : {}),
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getCurrentDirectory = () => ROOT;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, version) => {
    const text = files.get(name);
    return text === undefined ? getSourceFile(name, version) : ts.createSourceFile(name, text, version);
  };
  const program = ts.createProgram({ rootNames: [...files.keys()], options, host });
  return [...files.keys()].flatMap((name) => {
    const file = program.getSourceFile(name);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
}

/** The source of each entry of the package, by its import name. */
function sourcesOfEntries(): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(packageJson.exports).flatMap(([path, target]) => {
      if (typeof target === 'string') return [];
      const source = target.default.replace('/dist/', '/src/').replace('.js', '.ts');
      return [[path.replace(/^\./, packageJson.name), [source]]];
    }),
  );
}
