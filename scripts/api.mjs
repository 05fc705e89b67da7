/** Generates the pages of docs/api from the published types. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Application } from 'typedoc';

const ROOT = resolve(import.meta.dirname, '..');

/** The source of each entry point of the package, below src. */
const ENTRIES = [
  'core/',
  'fs/',
  'plugins/',
  'plugins/contract/',
  'logs/',
  'logs/contract/',
  'server/',
  'client/',
  '',
].map((folder) => `src/${folder}index.ts`);

/** Writes the pages into a folder, which is emptied first. */
export async function writeApi(folder) {
  const app = await Application.bootstrapWithPlugins({
    entryPoints: ENTRIES.map((entry) => join(ROOT, entry)),
    tsconfig: join(ROOT, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    out: folder,
    name: 'API',
    readme: 'none',
    // Line numbers of sources would change the pages with every commit.
    disableSources: true,
    disableGit: true,
    excludeExternals: true,
    excludePrivate: true,
    excludeProtected: false,
    excludeInternal: true,
    hideGenerator: true,
    githubPages: false,
    sort: ['kind', 'alphabetical'],
    blockTags: ['@throws', '@param', '@returns', '@example', '@see', '@default', '@deprecated', '@remarks'],
    router: 'module',
    hidePageHeader: true,
    hideBreadcrumbs: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    typeDeclarationFormat: 'list',
    enumMembersFormat: 'table',
    // Signatures are not complete programs, but the code blocks of all pages are compiled.
    useCodeBlocks: false,
    logLevel: 'Error',
    skipErrorChecking: true,
    validation: false,
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('the types could not be read');
  await app.generateOutputs(project);
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith('.md')) continue;
    const page = join(folder, name);
    await writeFile(page, polished(await readFile(page, 'utf8'), name));
  }
}

const INTRODUCTION = `# The library's API

<!-- Made from the types by \`npm run docs\`. Do not edit. -->

Every export of the package, by entry. [The library](../library.md) says where to begin; every example is run by a test.
`;

/**
 * Uses the package names in titles, and refers to the table of error codes by name instead of repeating it each time.
 */
function polished(text, name) {
  if (name === 'README.md') {
    return text
      .replace(/^# .*\n/, INTRODUCTION)
      .replace(/\[([\w/]+)\]\(/g, (link, entry) => (link.startsWith('[The') ? link : `[\`${importName(entry)}\`](`));
  }
  return text
    .replace(/^# (.*)\n/, (_, entry) => `# ${importName(entry)}\n`)
    .replace(/`"[A-Z_]+"`(?: \\\| `"[A-Z_]+"`){20,}/g, '`ErrorCode`');
}

function importName(entry) {
  return entry === 'index' ? 'streamfsd' : `streamfsd/${entry}`;
}
