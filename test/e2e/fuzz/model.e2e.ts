/** Streams, handles and mounts of a real server, compared with a model that states plainly what they must do. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { fuzz } from '../../fuzz/run-length.ts';
import { type Level, type ProbedServer, startProbed } from '../harness/probed.ts';
import { Real, type StartCase, type Step, StepCommand } from './commands.ts';
import { World } from './world.ts';

let at: ProbedServer;
let fresh: Level;
beforeAll(async () => {
  at = await startProbed({ server: { log_level: 'error' } });
  await clear();
  fresh = await at.level();
});
afterAll(() => at.stop());

/** Removes every mount. */
async function clear(): Promise<void> {
  const { mounts } = (await at.json('GET', '/mounts')) as unknown as { mounts: { path: string }[] };
  for (const { path } of mounts) await at.json('POST', '/unmount', { path });
}

/** A mount inside another, with a name that a stream of the outer one could have; directories; siblings. */
const MOUNTS = ['/s', '/s/in', '/t', '/v/w'];
const PATHS = [
  '/s/a',
  '/s/b',
  '/s/b/c',
  '/s/d/x',
  '/s/d/y/z',
  '/s/in',
  '/s/in/a',
  '/s/in/b/c',
  '/t/a',
  '/t/b',
  '/v/w/a',
];
const DIRECTORIES = ['/', '/s', '/t', '/v', '/v/w', '/s/d', '/s/d/y', '/nothing', '/nothing/x'];

const stream = fc.oneof({ weight: 5, arbitrary: fc.constantFrom('/s/a', '/t/a') }, fc.constantFrom(...PATHS));
const any = fc.constantFrom(...PATHS, ...DIRECTORIES);
const who = fc.nat({ max: 5 });
const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(1, 1024, 5000));
const part = fc.double({ min: 0, max: 1, noNaN: true });
/** Text with lines in it, different at each position; sometimes larger than any ring here. */
const text = fc
  .record({
    length: fc.oneof({ weight: 5, arbitrary: fc.nat({ max: 120 }) }, fc.nat({ max: 9000 })),
    from: fc.nat({ max: 25 }),
  })
  .map(({ length, from }) =>
    Array.from({ length }, (_, n) =>
      (n + from) % 17 === 16 ? '\n' : String.fromCharCode(97 + ((n * 7 + from) % 26)),
    ).join(''),
  );
const start: fc.Arbitrary<StartCase> = fc.oneof(
  fc.record({ by: fc.constant('from' as const), from: fc.constantFrom('earliest' as const, 'live' as const) }),
  fc.record({ by: fc.constant('offset' as const), at: part, skip: fc.boolean() }),
  fc.record({ by: fc.constant('last' as const), count: size }),
  fc.record({ by: fc.constant('last_lines' as const), count: fc.nat({ max: 9 }) }),
);
const often = fc.boolean().chain((once) => (once ? fc.constant(true) : fc.boolean()));
const seldom = fc.nat({ max: 9 }).map((n) => n === 0);

const kind = <T extends Step['do']>(name: T) => fc.constant(name);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({ do: kind('write'), path: stream, text, end: seldom, create: often, chunked: fc.boolean() }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: kind('append'),
      path: stream,
      producer: fc.record({
        id: fc.constantFrom('p', 'q'),
        epoch: fc.constantFrom(0, 0, 0, 1, 2),
        seq: fc.nat({ max: 3 }),
      }),
      text,
      end: seldom,
      create: often,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: kind('kick'), who }) },
  { weight: 6, arbitrary: fc.record({ do: kind('read'), path: stream, start, create: often, frames: often }) },
  { weight: 3, arbitrary: fc.record({ do: kind('snapshot'), path: stream, start }) },
  { weight: 5, arbitrary: fc.record({ do: kind('open'), path: stream, flags: fc.nat({ max: 3 }) }) },
  {
    weight: 12,
    arbitrary: fc.record({ do: kind('handle read'), who, size, at: fc.option(part, { nil: undefined, freq: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: kind('handle write'), who, text }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: kind('seek'),
      who,
      at: fc.double({ min: -1, max: 1, noNaN: true }),
      whence: fc.constantFrom(0 as const, 1 as const, 2 as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: kind('close'), who }) },
  { weight: 5, arbitrary: fc.record({ do: kind('stat'), path: any }) },
  { weight: 2, arbitrary: fc.record({ do: kind('list'), path: any }) },
  { weight: 2, arbitrary: fc.record({ do: kind('remove'), path: any, recursive: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('create' as const, 'touch' as const, 'truncate' as const, 'mkdir' as const, 'end' as const),
      path: any,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: kind('mount'),
      path: fc.constantFrom(...MOUNTS),
      newest: fc.boolean(),
      retention: size,
      maxLag: size,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: kind('unmount'), path: fc.constantFrom(...MOUNTS) }) },
);

describe('a server of streams', () => {
  fuzz(
    'contract 10, 17, 19, 20, 25, 31 to 45, 48 to 64, 72, 74, 75: does what the model does, whatever is done to it',
    'model',
    () =>
      fc.asyncProperty(
        fc.record({ retention: size, maxLag: size }),
        fc.commands([step.map((one) => new StepCommand(one))], { maxCommands: 60, size: 'max' }),
        async (limits, commands) => {
          await clear();
          const real = new Real(at.url);
          const world = new World();
          for (const [path, newest] of [['/s', false] as const, ['/t', true] as const]) {
            await new StepCommand({ do: 'mount', path, newest, ...limits }).run(world, real);
          }
          try {
            await fc.asyncModelRun(() => ({ model: world, real }), commands);
          } finally {
            real.close();
          }
        },
      ),
    async () => {
      await clear();
      await at.untilAsBefore(fresh);
      expect(at.process.stderr.text).toBe('');
    },
  );
});
