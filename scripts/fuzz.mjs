/**
 * `npm run fuzz -- --minutes N [--seed S] [--only TARGET]`: runs the fuzzers of the tests for a given time. A failure
 * prints the seed that reproduces it at once, and the smallest failing case.
 */
import { parseArgs } from 'node:util';
import { endWithNpm } from './end-with-npm.mjs';
import { runTool } from './run.mjs';

endWithNpm();

/** The tests of each target, below test/. */
const ALL = {
  http: 'e2e/fuzz/http',
  model: 'e2e/fuzz/model',
  config: 'fuzz/config',
  frames: 'fuzz/frames',
  websocket: 'fuzz/websocket',
  parsers: 'fuzz/parsers',
  access: 'fuzz/access',
  grep: 'fuzz/grep',
};

const USAGE = `usage: npm run fuzz -- [--minutes N] [--seed S] [--only TARGET]

  --minutes N     how long in all, in minutes; a fraction is fine. Default 5
  --seed S        a whole number to begin with, as a failure printed it. Default: a random one
  --only TARGET   one of ${Object.keys(ALL).join(', ')}. Default: all, one after the other
`;

function options() {
  try {
    const { values } = parseArgs({
      options: { minutes: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
    });
    const minutes = Number(values.minutes ?? 5);
    if (!(minutes > 0 && minutes < 10_000))
      throw new Error(`--minutes must be a number above 0, not ${values.minutes}`);
    if (values.seed !== undefined && !/^\d{1,10}$/.test(values.seed)) {
      throw new Error(`--seed must be a whole number, not ${values.seed}`);
    }
    if (values.only !== undefined && !Object.hasOwn(ALL, values.only)) {
      throw new Error(`--only must be one of ${Object.keys(ALL).join(', ')}, not ${values.only}`);
    }
    return { minutes, ...values };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return undefined;
  }
}

const asked = options();
if (asked === undefined) process.exitCode = 2;
else {
  const env = {
    FUZZ_SECONDS: String(asked.minutes * 60),
    ...(asked.seed === undefined ? {} : { FUZZ_SEED: asked.seed }),
    ...(asked.only === undefined ? {} : { FUZZ_ONLY: asked.only }),
  };
  const files = (asked.only === undefined ? Object.values(ALL) : [ALL[asked.only]]).map((file) => `test/${file}`);
  process.exitCode = await runTool('vitest', ['run', '--no-file-parallelism', ...files], { env });
}
