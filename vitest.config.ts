import { defineConfig } from 'vitest/config';

/** What is fuzzed, soaked or benchmarked: `.ci/run` does it at length. */
const LONG = ['test/e2e/fuzz/**', 'test/e2e/soak.e2e.ts', 'test/e2e/bench.e2e.ts'];

/** What waits for real time-outs, stalled peers and cut connections: `.ci/run` runs it. */
const FAULTS = [
  'test/e2e/faults/**',
  'test/e2e/lasting-writers.e2e.ts',
  'test/e2e/memory.e2e.ts',
  'test/e2e/slow-reader.e2e.ts',
];

/** What is tried in every way, with dozens of programs: `.ci/run` runs it. */
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

/** What takes long for what a change can break in it: `.ci/run` runs it. */
const UNIT_THOROUGH = ['test/docs/api.test.ts', 'test/server/net/without-shared-reads.test.ts'];

/** What `npm test` tries in a browser: that the page shows streams and follows one. `.ci/run` tries all there is in it. */
const BROWSER = ['examples', 'shell'].map((name) => `test/browser/${name}.browser.ts`);

/** What compares figures with recorded ones: nothing runs beside it. `.ci/run` runs it. */
const ALONE = ['test/e2e/cost.e2e.ts'];

/** Far longer than anything takes: a deadline only turns a hang into a failure, also where a machine has much else to do. */
const DEADLINES = { testTimeout: 240_000, hookTimeout: 120_000, expect: { poll: { timeout: 60_000, interval: 10 } } };

/** The built package as users run it. It is built once, before the first of these. */
const END_TO_END = {
  isolate: false,
  globalSetup: 'test/e2e/build.setup.ts',
  ...DEADLINES,
};

/** More than there are cores: the files wait for much, of programs that start and times that pass. */
const END_TO_END_WORKERS = 3;

/** Of those that wait for most of their time. */
const WAITING_WORKERS = 4;

/** Fuzzing keeps a core busy, the benchmark waits for what it starts. */
const LONG_WORKERS = 2;

/** A browser keeps more than a core busy. */
const BROWSER_WORKERS = 2;

/** Of all that is tried in browsers: players and pages wait for much. */
const THOROUGH_BROWSER_WORKERS = 3;

/** Patterns of test files, from patterns that may name a whole folder. */
function testsOf(patterns: readonly string[]): string[] {
  return patterns.map((each) => each.replace(/\*\*$/, '**/*.e2e.ts'));
}

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
