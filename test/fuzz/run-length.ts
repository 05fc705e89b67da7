/**
 * How long to fuzz, and from which seed. In the tests: a few seconds with a fixed seed, so that a change is compared with what
 * passed before, and a few with a fresh one, so that every run covers something new. `npm run fuzz` sets a time and a seed
 * through the environment.
 */
import fc from 'fast-check';
import { it } from 'vitest';

/** Cases from one seed before the next seed is taken. Few enough that a failure is reproduced in seconds. */
const CASES = 25;

/** How long a failing case may be shrunk, in milliseconds. */
const SHRINKING = 20_000;

const FIXED = 20_250_101;

const { FUZZ_SECONDS, FUZZ_SEED, FUZZ_ONLY } = process.env;

/** In the tests a target gets its seconds, in two halves; otherwise its share of the given time, or all of it. */
function plans(share: number): { seed: number; milliseconds: number }[] {
  if (FUZZ_SECONDS !== undefined) {
    const seed = FUZZ_SEED === undefined ? fresh() : Number(FUZZ_SEED);
    return [{ seed, milliseconds: (Number(FUZZ_SECONDS) * 1000 * share) / (FUZZ_ONLY === undefined ? TOTAL : share) }];
  }
  return [FIXED, fresh()].map((seed) => ({ seed, milliseconds: (share * 1000) / 2 }));
}

const fresh = () => Math.floor(Math.random() * 2 ** 31);

/** The sum of all shares: seconds of fuzzing in the tests. */
export const SHARES = {
  http: 8,
  model: 8,
  config: 3,
  frames: 2,
  websocket: 2,
  parsers: 2,
  access: 2,
  grep: 2,
} as const;
const TOTAL = Object.values(SHARES).reduce((sum, share) => sum + share, 0);

/**
 * Tests a property until its time is up. A failure prints the smallest case found, and the seed with which `npm run fuzz -- --seed`
 * reproduces it.
 *
 * @param after run at the end of each time, to check what is left
 */
export function fuzz<T>(
  what: string,
  share: keyof typeof SHARES,
  property: () => fc.IRawProperty<T>,
  after: () => Promise<void> = async () => undefined,
): void {
  for (const { seed: first, milliseconds } of plans(SHARES[share])) {
    const name = `${what} (seed ${first})`;
    it(name, { timeout: milliseconds + 2 * SHRINKING }, async () => {
      const until = performance.now() + milliseconds;
      let cases = 0;
      for (let seed = first; performance.now() < until; seed++) {
        await fc.assert(property(), {
          seed,
          numRuns: CASES,
          interruptAfterTimeLimit: SHRINKING,
          reporter: (run) => {
            cases += run.numRuns;
            if (!run.failed) return;
            const again = `found again with: npm run fuzz -- --seed ${seed} --only ${share}`;
            throw new Error(`${shorten(fc.defaultReportMessage(run) ?? what)}\n\n${again}`, {
              cause: run.errorInstance,
            });
          },
        });
      }
      process.stdout.write(`fuzz: ${what}: ${cases} cases from seed ${first}\n`);
      await after();
    });
  }
}

/** Long repetitions of one character are only shown by their length. */
function shorten(text: string): string {
  return text.replace(/(.)\1{60,}/gs, (row, sign: string) => `${sign}×${row.length}`);
}
