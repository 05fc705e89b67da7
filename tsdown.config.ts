import { defineConfig } from 'tsdown';

/**
 * One build of every entry: each subpath of package.json's `exports`, and the command line. Common code goes to shared
 * chunks, so an error thrown by one entry is an `instanceof` for another, and a command loads only what it needs.
 * Dependencies stay outside.
 */
export default defineConfig({
  entry: {
    index: 'src/index.ts',
    'core/index': 'src/core/index.ts',
    'fs/index': 'src/fs/index.ts',
    'plugins/index': 'src/plugins/index.ts',
    'plugins/contract/index': 'src/plugins/contract/index.ts',
    'logs/index': 'src/logs/index.ts',
    'logs/contract/index': 'src/logs/contract/index.ts',
    'server/index': 'src/server/index.ts',
    'client/index': 'src/client/index.ts',
    'cli/main': 'src/cli/main.ts',
    // Only for the build, which writes the manual pages with it.
    'cli/manual': 'src/cli/manual.ts',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  fixedExtension: false,
  dts: true,
  clean: true,
  // Constants of src/app/version.ts; scripts/build.mjs finds them out.
  define: {
    'process.env.STREAMFS_GIT_COMMIT': JSON.stringify(process.env.STREAMFS_GIT_COMMIT ?? 'unknown'),
    'process.env.STREAMFS_BUILD_TIME': JSON.stringify(process.env.STREAMFS_BUILD_TIME ?? 'unknown'),
  },
});
