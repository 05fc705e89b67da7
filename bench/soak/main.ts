/** The program of `npm run soak`: parses the options, and exits with 0 on success. */
import { parseArgs } from 'node:util';
import { crowd } from './crowd.ts';
import { soakNodes } from './nodes.ts';
import { soak } from './soak.ts';

const MB = 1024 * 1024;

const USAGE = `usage: npm run soak -- [options]

  --minutes N     how long, in minutes; a fraction is fine. Default 5
  --streams N     streams, each with a writer. Default 200
  --readers N     readers of all kinds, over all streams. Default 1000
  --rate N        MB a second that all writers write together. Default 8
  --processes N   writers, and as many readers, that are processes of the command line. Default 4
  --seed S        a whole number that chance begins with. Default: a random one
  --persist       mounts keep their streams on disk, 4 MB of each: restarts lose nothing then
  --nodes N       instead: so many servers on one log on Redis, which are killed, as is Redis. Of the above only --minutes,
                  --streams (20) and --rate (2). Needs redis-server
  --crowd N       instead: so many readers, idle, then on one stream, then on 100; gives figures
`;

const NAMES = ['minutes', 'streams', 'readers', 'rate', 'processes', 'seed', 'nodes', 'crowd'] as const;

type Numbers = Record<(typeof NAMES)[number], number | undefined>;

function options(): Numbers & { persist: boolean } {
  const numeric = Object.fromEntries(NAMES.map((name) => [name, { type: 'string' as const }])) as Record<
    (typeof NAMES)[number],
    { type: 'string' }
  >;
  const { values } = parseArgs({ options: { ...numeric, persist: { type: 'boolean', default: false } } });
  const numbers = NAMES.map((name) => {
    const text = values[name];
    if (text === undefined) return [name, undefined];
    const isFraction = name === 'minutes' || name === 'rate';
    const number = Number(text);
    const least = name === 'seed' || name === 'processes' ? 0 : isFraction ? 0.01 : 1;
    if (!(number >= least && number < 2 ** 31 && (isFraction || Number.isInteger(number)))) {
      throw new Error(`--${name} must be a ${isFraction ? '' : 'whole '}number, ${least} or more, not ${text}`);
    }
    return [name, number];
  });
  return { ...(Object.fromEntries(numbers) as Numbers), persist: values.persist };
}

async function main(): Promise<number> {
  let asked: ReturnType<typeof options>;
  try {
    asked = options();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (asked.crowd !== undefined) return (await crowd(asked.crowd)) ? 0 : 1;
  if (asked.nodes !== undefined) {
    const { minutes = 5, nodes, streams = 20, rate = 2 } = asked;
    process.stdout.write(`soak: ${minutes} min, ${nodes} nodes, ${streams} streams, ${rate} MB/s\n`);
    return (await soakNodes({ seconds: minutes * 60, nodes, streams, rate: rate * MB })) ? 0 : 1;
  }
  const {
    minutes = 5,
    streams = 200,
    readers = 1000,
    rate = 8,
    processes = 4,
    seed = Math.floor(Math.random() * 2 ** 31),
    persist,
  } = asked;
  const kept = persist ? ', kept on disk' : '';
  process.stdout.write(
    `soak: ${minutes} min, ${streams} streams${kept}, ${readers} readers, ${rate} MB/s, seed ${seed}\n`,
  );
  const wanted = {
    seconds: minutes * 60,
    streams,
    readers,
    rate: rate * MB,
    processes: Math.min(processes, streams),
    seed,
    persist,
  };
  return (await soak(wanted)) ? 0 : 1;
}

// Exiting ends the started processes; after a failure some readers might otherwise run for ever.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exit(await main());
