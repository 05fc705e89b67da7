import { defineConfig } from 'vitest/config';

/** Fuzzers, the soak test and the benchmark. Only `.ci/run` runs them. */
const LONG = ['test/e2e/fuzz/**', 'test/e2e/soak.e2e.ts', 'test/e2e/bench.e2e.ts'];

/** Tests that wait for real timeouts, stalled peers and cut connections. Only `.ci/run` runs them. */
const FAULTS = [
  'test/e2e/faults/**',
  'test/e2e/reconnecting-writers.e2e.ts',
  'test/e2e/memory.e2e.ts',
  'test/e2e/slow-reader.e2e.ts',
];

/** Thorough tests, which start dozens of programs. Only `.ci/run` runs them. */
const THOROUGH = [
  ...[
    'bounds',
    'cli',
    'durable-streams-configurations',
    'durable-streams-thorough',
    'persisted-streams',
    'links',
    'media',
  ],
  ...['package', 'pages', 'passwords'],
].map((name) => `test/e2e/${name}.e2e.ts`);

/** Slow unit tests of code that rarely breaks. Only `.ci/run` runs them. */
const UNIT_THOROUGH = ['test/docs/api.test.ts', 'test/server/net/without-shared-reads.test.ts'];

/** The browser tests of `npm test`: the page shows streams and follows one. `.ci/run` runs all browser tests. */
const BROWSER = ['examples', 'shell'].map((name) => `test/browser/${name}.browser.ts`);

/** Tests that compare measurements with recorded ones. They run alone, and only in `.ci/run`. */
const ALONE = ['test/e2e/cost.e2e.ts'];

/** Far longer than any test takes, even on a busy machine: a deadline only turns a hang into a failure. */
const DEADLINES = { testTimeout: 240_000, hookTimeout: 120_000, expect: { poll: { timeout: 60_000, interval: 10 } } };

/** Tests of the built package. It is built once, before the first of them. */
const END_TO_END = {
  isolate: false,
  globalSetup: 'test/e2e/build.setup.ts',
  ...DEADLINES,
};

/** More than the number of cores, because these tests mostly wait for programs to start and for timeouts. */
const END_TO_END_WORKERS = 3;

/** For tests that wait most of the time. */
const WAITING_WORKERS = 4;

/** Fuzzing keeps a core busy; the benchmark waits for its programs. */
const LONG_WORKERS = 2;

/** A browser keeps more than one core busy. */
const BROWSER_WORKERS = 2;

/** For all browser tests: many of them wait for players and pages. */
const THOROUGH_BROWSER_WORKERS = 3;

/** Converts patterns that may name a whole folder into patterns of test files. */
function testsOf(patterns: readonly string[]): string[] {
  return patterns.map((each) => each.replace(/\*\*$/, '**/*.e2e.ts'));
}

/**
 * `unit` runs on the sources and needs nothing built. The others run the built package.
 *
 * Files share processes (`isolate: false`), because starting a process for each file would take longer than most tests.
 * So a test must stop what it starts, and restore what it replaces.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts', 'ui/**/*.test.ts'],
          exclude: ['test/e2e/**', ...UNIT_THOROUGH],
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
          exclude: [...ALONE, ...FAULTS, ...THOROUGH, ...LONG],
          maxWorkers: END_TO_END_WORKERS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'unit-thorough',
          include: UNIT_THOROUGH,
          ...DEADLINES,
          maxWorkers: WAITING_WORKERS,
          isolate: false,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'browser',
          include: BROWSER,
          maxWorkers: BROWSER_WORKERS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'e2e-alone',
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 7 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'faults',
          include: testsOf(FAULTS),
          maxWorkers: WAITING_WORKERS,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'e2e-thorough',
          include: THOROUGH,
          maxWorkers: WAITING_WORKERS,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'browser-thorough',
          include: ['test/browser/**/*.browser.ts'],
          exclude: BROWSER,
          maxWorkers: THOROUGH_BROWSER_WORKERS,
          sequence: { groupOrder: 5 },
        },
      },
      {
        test: {
          ...END_TO_END,
          name: 'long',
          include: testsOf(LONG),
          maxWorkers: LONG_WORKERS,
          sequence: { groupOrder: 6 },
        },
      },
    ],
  },
});
