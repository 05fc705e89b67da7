/**
 * The folder of the built page: `dist/ui` of the package, whether this runs from the sources or from a chunk of dist. A
 * bundled program does not have it.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function builtUiFolder(): string | undefined {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
  const built = join(folder, 'dist', 'ui');
  return existsSync(join(built, 'manifest.json')) ? built : undefined;
}
