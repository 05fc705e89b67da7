/** Runs a TypeScript sample of the pages, with what it imports handed in. */
import ts from 'typescript';

/**
 * Gives what the sample exports.
 *
 * @param modules what each specifier of an import stands for
 */
export async function runSample(
  text: string,
  modules: Readonly<Record<string, object>>,
  globals: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, unknown>> {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, esModuleInterop: true },
  });
  const load = (specifier: string): object => {
    const found = modules[specifier];
    if (found === undefined) throw new Error(`a sample imports ${specifier}, which was not handed in`);
    return found;
  };
  const exported: Record<string, unknown> = {};
  // Samples may await, which a function of CommonJS may not.
  const body = `return (async () => {${outputText}\n})();`;
  const run = new Function('require', 'exports', ...Object.keys(globals), body);
  await run(load, exported, ...Object.values(globals));
  return exported;
}
