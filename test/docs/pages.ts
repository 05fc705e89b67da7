/** The written pages, for tests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface Page {
  /** Relative to the root, with `/`. */
  path: string;
  text: string;
}

export function page(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') };
}

/** Pages generated from the types, entirely. */
const API = 'docs/api/';

function below(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name.split(sep).join('/')}`);
}

export function apiPages(): Page[] {
  return below('docs/api').sort().map(page);
}

/** README and the other pages in the root, and all written pages below docs. */
export function allPages(): Page[] {
  const written = below('docs').filter((path) => !path.startsWith(API));
  return ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...written.sort()].map(page);
}

/** Sources below a folder, as paths from the root with their texts. */
export function sources(folder: string): Page[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) =>
      page(
        relative(ROOT, join(ROOT, folder, name))
          .split(sep)
          .join('/'),
      ),
    );
}
