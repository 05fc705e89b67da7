/** The written pages, as tests read them. */
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

/** Pages made from the types, of which nothing is written by hand. */
const API = 'docs/api/';

function below(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name.split(sep).join('/')}`);
}

export function apiPages(): Page[] {
  return below('docs/api').sort().map(page);
}

/** README and its kin, and all below docs that is written. */
export function allPages(): Page[] {
  const written = below('docs').filter((path) => !path.startsWith(API));
  return ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...written.sort()].map(page);
}

/** Sources of a part of the program, as paths from the root with their texts. */
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
