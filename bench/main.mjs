/** `npm run bench`: measures StreamFS next to the other servers that are installed, in one run. See bench/README.md. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatorKind, measure } from './cell.mjs';
import { joinPointCosts } from './join-points.mjs';
import { description, lookAround } from './machine.mjs';
import { RESULTS } from './native.mjs';
import { parseOptions, USAGE, UsageError } from './options.mjs';
import { prepare, ROOT } from './prepare.mjs';
import { CAN_PIN } from './processes.mjs';
import {
  figure,
  intoDocument,
  isNoisy,
  machineLines,
  markdownTables,
  median,
  readersAlone,
  spreadOf,
  summary,
  terminalTable,
} from './report.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { startTimes } from './start-time.mjs';
import { agfsTarget, beforeTarget, TARGETS } from './targets/index.mjs';

const say = (text) => process.stderr.write(`${text}\n`);
const DOCUMENT = join(ROOT, 'docs', 'performance.md');

// Servers and generators end with this process (processes.mjs).
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

let options;
try {
  options = parseOptions(process.argv.slice(2), { scenarios: SCENARIOS, targets: TARGETS.map(({ name }) => name) });
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  say(`${error.message}\n\n${USAGE}`);
  process.exit(2);
}

if (options.help) process.stdout.write(USAGE);
else if (options['record-baseline']) process.exitCode = recordBaseline();
else await bench();

function recordBaseline() {
  prepare(false);
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', '--project', 'e2e-alone', 'test/e2e/cost.e2e.ts'];
  const env = { ...process.env, STREAMFS_RECORD_BASELINE: '1' };
  return spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env }).status ?? 1;
}

async function bench() {
  prepare(['piping', 'durable'].some((name) => options.targets?.includes(name) ?? true));
  const { targets, missing } = chooseTargets();
  for (const { name, reason } of missing) say(`${name} is left out: ${reason}`);
  if (targets.length === 0) throw new Error('nothing to measure');
  const before = await lookAround();
  const runs = await measureAll(targets);
  const start = options.start ? await measureStart() : undefined;
  const rows = options.scenarios.map((scenario) => ({
    name: scenario.name,
    title: scenario.title,
    figure: scenario.figure,
    better: scenario.better,
    cells: targets
      .filter((target) => target.does.includes(scenario.family))
      .map((target) => {
        const ofCell = runs.get(`${scenario.name} ${target.name}`);
        return { target: target.name, summary: summary(ofCell), runs: ofCell };
      }),
  }));
  rows.push(...readersAlone(rows, 'S1', (name) => Number(name.split('@')[1])));
  if (start) rows.push(...start);
  if (options.media) rows.push(...(await measureMedia()));
  report({
    date: new Date().toISOString(),
    machine: description(),
    generator: generatorKind(),
    pinned: CAN_PIN,
    rounds: options.rounds,
    before,
    noise: noiseOf([...runs.values()].flat(), rows),
    targets: targets.map(({ name, note }) => ({ name, note })),
    missing,
    rows,
  });
}

function chooseTargets() {
  const all = [
    ...TARGETS,
    ...(options.before === undefined ? [] : [beforeTarget(options.before)]),
    ...(options.agfs === undefined ? [] : [agfsTarget(options.agfs, options.agfsPid)]),
  ];
  const wanted = all.filter(({ name }) => options.targets === undefined || options.targets.includes(name));
  const found = wanted.map((target) => ({ target, reason: target.missing() }));
  return {
    targets: found.filter(({ reason }) => reason === undefined).map(({ target }) => target),
    missing: found
      .filter(({ reason }) => reason !== undefined)
      .map(({ target, reason }) => ({ name: target.name, reason })),
  };
}

/** Rounds are the outer loop and targets the inner one, so that drift affects all targets alike. */
async function measureAll(targets) {
  const runs = new Map();
  for (let round = 1; round <= options.rounds; round++) {
    for (const scenario of options.scenarios) {
      for (const target of targets) {
        if (!target.does.includes(scenario.family)) continue;
        const run = await measure(target, scenario);
        const key = `${scenario.name} ${target.name}`;
        runs.set(key, [...(runs.get(key) ?? []), run]);
        const outcome = run.value === undefined ? `not counted: ${run.invalid ?? 'no figure'}` : figure(run.value);
        say(`round ${round}/${options.rounds}  ${scenario.name.padEnd(14)} ${target.name.padEnd(8)} ${outcome}`);
      }
    }
  }
  return runs;
}

async function measureStart() {
  const times = await startTimes(ROOT, Math.max(5, options.rounds * 3));
  const bare = median(times.bare);
  return [
    ['start', 'serve, until it answers', times.serve],
    ['version', '--version', times.version],
  ].map(([name, title, milliseconds]) => {
    const ofCell = milliseconds.map((value) => ({ value, more: { '× bare node': value / bare } }));
    return {
      name,
      title,
      figure: 'ms',
      better: 'less',
      cells: [{ target: 'ours', summary: summary(ofCell), runs: ofCell }],
    };
  });
}

/** What the search for join points adds to an append of 64 KiB. */
async function measureMedia() {
  const costs = await joinPointCosts(ROOT, options.rounds);
  return [...costs].map(([container, { with: looking, without }]) => {
    const bare = median(without);
    const ofCell = looking.map((value) => ({ value, more: { '× without': value / bare } }));
    return {
      name: `media-${container}`,
      title: `appending 64 KiB of ${container}, places to begin looked for`,
      figure: 'CPU µs',
      better: 'less',
      cells: [{ target: 'ours', summary: summary(ofCell), runs: ofCell }],
    };
  });
}

function noiseOf(runs, rows) {
  const timed = runs.filter((run) => run.seconds > 0);
  const cores = timed.map((run) => Math.max(0, run.othersCpu) / run.seconds);
  return {
    othersCores: cores.length > 0 ? median(cores) : 0,
    // The generator has its own core: if it waits for CPU, other programs use that core.
    waiting: timed.length > 0 ? median(timed.map((run) => run.generatorWait / run.seconds)) : 0,
    idle: timed.length > 0 ? median(timed.map((run) => run.idle)) : 0,
    steal: timed.length > 0 ? median(timed.map((run) => run.steal)) : 0,
    spread: spreadOf(rows.flatMap((row) => row.cells)),
  };
}

function report(result) {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, `${result.date.replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  const text = options.markdown
    ? markdownTables(result)
    : `${machineLines(result).join('\n')}\n${terminalTable(result)}`;
  process.stdout.write(`${text}\n`);
  if (options['write-docs'] && isNoisy(result)) {
    say('not written to docs/performance.md: the run was noisy');
    process.exitCode = 1;
  } else if (options['write-docs']) {
    writeFileSync(DOCUMENT, intoDocument(readFileSync(DOCUMENT, 'utf8'), markdownTables(result)));
    say(`written to docs/performance.md`);
  }
  say(`all runs: ${file.slice(ROOT.length + 1)}`);
}
