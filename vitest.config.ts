import { defineConfig } from 'vitest/config';

// Two projects: `unit` runs on the sources and needs nothing built; `e2e` runs the built package as users run it.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.ts', 'test/e2e/**/*.test.ts'],
          globalSetup: 'test/e2e/build.setup.ts',
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
