/** Runs a TypeScript sample of the pages with the given modules. */
import ts from 'typescript';

/**
 * Returns the exports of the sample.
 *
 * @param modules the module for each import specifier
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
  // Samples may use top-level await, which CommonJS does not allow.
  const body = `return (async () => {${outputText}\n})();`;
  const run = new Function('require', 'exports', ...Object.keys(globals), body);
  await run(load, exported, ...Object.values(globals));
  return exported;
}
