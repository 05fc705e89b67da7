import { defineConfig } from 'vitest/config';

/** What is fuzzed, soaked or benchmarked: `.ci/run` does it at length. */
const LONG = [
  'test/e2e/fuzz/**',
  'test/e2e/soak.e2e.ts',
  'test/e2e/bench.e2e.ts',
  'test/e2e/durable-streams-configurations.e2e.ts',
];

/** What compares figures with recorded ones: nothing runs beside it. */
const ALONE = ['test/e2e/cost.e2e.ts'];

/** Far longer than anything takes: a deadline only turns a hang into a failure, also where a machine has much else to do. */
const DEADLINES = { testTimeout: 240_000, hookTimeout: 120_000, expect: { poll: { timeout: 60_000, interval: 10 } } };

/** The built package as users run it. It is built once, before the first of these. */
const END_TO_END = {
  isolate: false,
  globalSetup: 'test/e2e/build.setup.ts',
  ...DEADLINES,
};

/**
 * `unit` runs on the sources and needs nothing built. The others run the built package.
 *
 * Files share processes (`isolate: false`): to start one for each file would take longer than to run most of them. So a
 * test leaves nothing behind: it stops what it starts, and puts back what it replaces.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          ...DEADLINES,
          maxWorkers: 2,
          isolate: false,
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.ts', 'test/e2e/**/*.test.ts'],
          exclude: [...ALONE, ...LONG],
          // More than there are cores: they wait for much, of programs that start and times that pass.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'e2e-alone',
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'long',
          include: LONG.map((each) => each.replace(/\*\*$/, '**/*.e2e.ts')),
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
