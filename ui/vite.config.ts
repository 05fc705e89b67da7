import { resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const PACKAGE_OF = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/;

/** Writes a list of the bundled packages, for their licences: see scripts/build-ui.mjs. */
function listPackages(): Plugin {
  const folders = new Set<string>();
  return {
    name: 'list-packages',
    // Styles are not modules of a chunk, so this uses the parsed modules.
    moduleParsed({ id }) {
      const folder = PACKAGE_OF.exec(id)?.[1];
      if (folder !== undefined) folders.add(folder);
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'packages.json', source: JSON.stringify([...folders].sort()) });
    },
  };
}

/**
 * Builds the page; scripts/build-ui.mjs sets the output folder. Addresses are relative: the server may have a prefix.
 */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  plugins: [listPackages()],
  build: {
    target: 'es2023',
    // Inlined files would become data: URLs and inline scripts, which the page's content security policy forbids.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
    rolldownOptions: {
      input: {
        main: resolve(import.meta.dirname, 'index.html'),
        terminal: resolve(import.meta.dirname, 'terminal.html'),
      },
    },
  },
});
