import { resolve } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const PACKAGE_OF = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/;

/** Leaves a list of the packages that are in the page, for their licences: see scripts/build-ui.mjs. */
function listPackages(): Plugin {
  const folders = new Set<string>();
  return {
    name: 'list-packages',
    // Styles are no modules of a chunk, so this looks at what is loaded.
    moduleParsed({ id }) {
      const folder = PACKAGE_OF.exec(id)?.[1];
      if (folder !== undefined) folders.add(folder);
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'packages.json', source: JSON.stringify([...folders].sort()) });
    },
  };
}

/** Builds the page; scripts/build-ui.mjs says where it goes. Addresses are relative: the server may be below a prefix. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  publicDir: false,
  plugins: [listPackages()],
  build: {
    target: 'es2023',
    // Inlined files would be data: addresses, and scripts in the document, which the page's policy forbids.
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
