/** The command line of the benchmark. */
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run bench -- [options]

  --quick              the main rows for ours, plain and floor, in under two minutes
  --only S1,S2         rows by name or by family (S1 is S1@1, S1@10, …), or start, or media
  --targets A,B        of: ours log sse ours-durable websocket floor plain piping durable redis nats icecast nchan before agfs
                       (default: all that are found)
  --rounds N           number of rounds, of which the tables show medians (default 3, with --quick 1)
  --before DIR         also measure another build of StreamFS, as the target 'before'; DIR is a checkout after npm run build
  --agfs URL           also measure an AGFS server on this machine, with /streamfs mounted
  --agfs-pid PID       the process of that server, to measure its CPU time and memory
  --markdown           print the tables in Markdown
  --write-docs         write the tables into docs/performance.md, if the machine was otherwise idle
  --record-baseline    only record the figures that test/e2e/cost.e2e.ts compares with
`;

export class UsageError extends Error {}

/**
 * @param {string[]} args
 * @param {{ scenarios: { name: string, family: string, quick?: boolean }[], targets: string[] }} known
 */
export function parseOptions(args, known) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        targets: { type: 'string' },
        rounds: { type: 'string' },
        before: { type: 'string' },
        agfs: { type: 'string' },
        'agfs-pid': { type: 'string' },
        markdown: { type: 'boolean', default: false },
        'write-docs': { type: 'boolean', default: false },
        'record-baseline': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { quick } = values;
  const names = list(values.only);
  const families = new Set(known.scenarios.flatMap(({ name, family }) => [name, family]).concat('start', 'media'));
  for (const name of names ?? []) {
    if (!families.has(name))
      throw new UsageError(`--only: no row is called ${name}; use one of ${[...families].join(' ')}`);
  }
  const targets = list(values.targets) ?? (quick ? ['ours', 'floor', 'plain'] : undefined);
  /** Targets that are measured if their option is given. */
  const optional = ['before', 'agfs'].filter((name) => values[name] !== undefined);
  const targetNames = [...known.targets, ...optional];
  for (const name of targets ?? []) {
    if (!targetNames.includes(name))
      throw new UsageError(`--targets: no target is called ${name}; use one of ${targetNames.join(' ')}`);
  }
  return {
    ...values,
    scenarios: known.scenarios.filter(({ name, family, quick: main }) =>
      names === undefined ? !quick || main : names.includes(name) || names.includes(family),
    ),
    start: names === undefined ? !quick : names.includes('start'),
    media: names === undefined ? !quick : names.includes('media'),
    targets: targets && [...new Set([...targets, ...optional])],
    rounds: count(values.rounds, '--rounds') ?? (quick ? 1 : 3),
    agfsPid: count(values['agfs-pid'], '--agfs-pid'),
  };
}

function list(text) {
  const items = text
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items?.length === 0) throw new UsageError('a list must not be empty');
  return items;
}

function count(text, option) {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new UsageError(`${option} must be a whole number from 1, not ${text}`);
  return Number(text);
}
