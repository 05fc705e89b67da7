/**
 * Builds the page of ui/ into a folder: its files, each also compressed, the manifest for the server, and the licences
 * of the bundled packages.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { ROOT, runTool } from './run.mjs';

/** Content types by file extension. Any other type of file is an error. */
const TYPES = {
  '.html': 'text/html;charset=utf-8',
  '.js': 'text/javascript;charset=utf-8',
  '.css': 'text/css;charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Returns an exit code.
 * @param {string} folder output folder of the built page
 * @param {string} notice output file of the licences
 * @param {((text: string | Uint8Array) => unknown) | undefined} write
 * @returns {Promise<number>}
 */
export async function buildUi(folder, notice, write) {
  const config = join(ROOT, 'ui', 'vite.config.ts');
  const code = await runTool('vite', ['build', '--config', config, '--outDir', folder], { quiet: true, write });
  if (code !== 0) return code;
  writeFileSync(notice, noticeOf(packagesOf(join(folder, 'packages.json'))));
  const entries = filesOf(folder).map((file) => {
    const name = relative(folder, file).split(sep).join('/');
    const type = TYPES[extname(name)];
    if (type === undefined) throw new Error(`the build of the page made ${name}, which the server knows no type for`);
    const bytes = readFileSync(file);
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    writeFileSync(`${file}.br`, brotliCompressSync(bytes));
    return { name, type, hashed: name.startsWith('assets/') };
  });
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(entries, undefined, 2));
  return 0;
}

/**
 * The folders of the bundled packages, as the build recorded them; the record is deleted, because the page does not
 * need it.
 */
function packagesOf(list) {
  if (!existsSync(list)) return [];
  const folders = JSON.parse(readFileSync(list, 'utf8'));
  rmSync(list);
  return folders;
}

/** The bundled packages, each with the licence it contains. */
function noticeOf(folders) {
  const parts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const files = readdirSync(folder).filter((each) => /^(licen[cs]e|notice)/i.test(each));
    const texts = files.map((file) => `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`);
    return `${name} ${version}, ${license}\n${texts.join('')}`;
  });
  return `The page of StreamFS (dist/ui) contains these packages, under these licences.\n\n${parts.join(RULE)}`;
}

const RULE = `\n${'-'.repeat(80)}\n\n`;

function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesOf(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort();
}
