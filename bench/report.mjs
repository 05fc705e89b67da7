/** Formats runs as tables: medians with their spread, and the facts needed to judge them. */

/** @param {number[]} values at least one */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three digits, and a unit of thousands for large numbers. */
export function figure(value) {
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (value >= 1e5) return `${Math.round(value / 1e3)} k`;
  if (value >= 1000) return String(Math.round(value));
  if (value >= 100) return value.toFixed(0);
  return Number(value.toPrecision(3)).toString();
}

/** Summarises the rounds of one cell. */
export function summary(runs) {
  const valid = runs.filter((run) => run.value !== undefined);
  const problems = [...new Set(runs.map((run) => run.invalid).filter(Boolean))];
  if (valid.length === 0) return { problems };
  const values = valid.map((run) => run.value);
  const more = {};
  for (const name of Object.keys(valid[0].more ?? {})) more[name] = median(valid.map((run) => run.more[name]));
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    rounds: valid.length,
    more,
    rssMiB: median(valid.map((run) => run.rssMostKiB || run.rssAfterKiB || 0)) / 1024,
    problems,
  };
}

/**
 * The cost of a reader without the cost of writing: from a row with N readers and the one with one reader, both of one
 * round, (cost of N - cost of one) / (N - 1). Only for rows of the same kind that have both.
 */
export function readersAlone(rows, family, readersOf) {
  const first = rows.find(({ name }) => name === `${family}@1`);
  if (first === undefined) return [];
  return rows
    .filter((row) => row.name.startsWith(`${family}@`) && readersOf(row.name) > 1)
    .map((row) => {
      const readers = readersOf(row.name);
      const cells = row.cells.map(({ target, runs }) => {
        const one = first.cells.find((cell) => cell.target === target)?.runs ?? [];
        const ofCell = runs.map(({ value }, round) => {
          const alone = one[round]?.value;
          if (value === undefined || alone === undefined) return { invalid: 'no figure of one of the two rows' };
          return { value: (readers * value - alone) / (readers - 1) };
        });
        return { target, summary: summary(ofCell), runs: ofCell };
      });
      const { figure, better } = row;
      return { name: `${row.name} - @1`, title: `each of ${readers - 1} readers more than one`, figure, better, cells };
    });
}

/** The largest and the median spread of the rounds: (max - min) / median. */
export function spreadOf(cells) {
  const spreads = cells.filter((cell) => cell.summary.rounds > 1).map(({ summary: s }) => (s.max - s.min) / s.median);
  return spreads.length === 0 ? undefined : { median: median(spreads), max: Math.max(...spreads) };
}

const percent = (share) => (share === undefined ? '?' : `${(share * 100).toFixed(0)} %`);

/**
 * Whether other programs used so much of the machine that figures of this run must not be compared with those of
 * another.
 */
export function isNoisy({ noise }) {
  return noise.othersCores > 0.1 || noise.waiting > 0.05 || noise.steal > 0.02;
}

/** The state of the machine in a few lines. */
export function machineLines(result) {
  const { machine, before, noise } = result;
  const others = before.others.map(({ name, cores }) => `${name} ${cores.toFixed(2)}`).join(', ');
  const lines = [
    `${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node.slice(1)}, Linux ${machine.kernel}; ${result.date}`,
    `before: ${percent(before.idle)} idle, ${percent(before.steal)} stolen, load ${before.load.toFixed(2)}`,
    `meanwhile: other programs took ${noise.othersCores.toFixed(2)} cores, the generator waited for its own ${percent(noise.waiting)} of the time, ${percent(noise.steal)} stolen` +
      (noise.spread
        ? `; rounds spread by ${percent(noise.spread.median)} (median) to ${percent(noise.spread.max)}`
        : ''),
  ];
  if (others !== '') lines.splice(2, 0, `busy before we began (cores): ${others}`);
  if (isNoisy(result)) lines.push('NOISY: compare columns, not runs; better measure again');
  if (result.generator === 'node')
    lines.push('generator in Node (no gcc): it costs more than the servers; speeds are too low');
  if (!result.pinned) lines.push('taskset is missing: server and generator shared cores');
  return lines;
}

/** The table for a terminal: a block for each row. */
export function terminalTable(result) {
  const lines = [];
  for (const row of result.rows) {
    lines.push('', `${row.name}: ${row.title} [${row.figure}, ${row.better} is better]`);
    const first = row.cells.find((cell) => cell.target === 'floor' && cell.summary.median !== undefined);
    const base = first ?? row.cells.find((cell) => cell.summary.median !== undefined);
    for (const { target, summary: s } of row.cells) lines.push(`  ${target.padEnd(9)} ${cellText(s, base)}`);
  }
  return lines.join('\n');
}

function cellText(s, base) {
  const problems = s.problems.length > 0 ? `not counted: ${s.problems.join(' | ')}` : '';
  if (s.median === undefined) return problems;
  const range = s.rounds > 1 ? `[${figure(s.min)} – ${figure(s.max)}]` : '';
  const ratio = base ? `${(s.median / base.summary.median).toFixed(2)} × ${base.target}` : '';
  const more = Object.entries(s.more).map(([name, value]) => `${figure(value)} ${name}`);
  if (s.rssMiB > 0) more.push(`${figure(s.rssMiB)} MiB resident`);
  return [figure(s.median).padStart(8), range.padEnd(19), ratio.padEnd(14), more.join(', '), problems]
    .join('  ')
    .trimEnd();
}

/** The tables for the docs: targets side by side, then further figures of StreamFS. */
export function markdownTables(result) {
  const targets = result.targets.map(({ name }) => name);
  const out = [...machineLines(result).map((line) => `- ${line}`), ''];
  out.push(`| row | figure | ${targets.join(' | ')} |`, `|---|---|${targets.map(() => '---|').join('')}`);
  for (const row of result.rows) {
    const cells = targets.map((name) => {
      const s = row.cells.find((cell) => cell.target === name)?.summary;
      if (s === undefined) return '';
      if (s.median === undefined) return `– (${s.problems.join('; ').replaceAll('|', '/')})`;
      return s.rounds > 1 ? `**${figure(s.median)}** ${figure(s.min)}–${figure(s.max)}` : `**${figure(s.median)}**`;
    });
    out.push(`| ${row.name} | ${row.figure} | ${cells.join(' | ')} |`);
  }
  const further = result.rows.flatMap((row) =>
    row.cells
      .filter((cell) => Object.keys(cell.summary.more ?? {}).length > 0)
      .map(({ target, summary: s }) => {
        const facts = Object.entries(s.more).map(([name, value]) => `${figure(value)} ${name}`);
        return `| ${row.name} | ${target} | ${facts.join(', ')} | ${figure(s.rssMiB)} |`;
      }),
  );
  if (further.length > 0) out.push('', '| row | server | also | resident MiB |', '|---|---|---|---|', ...further);
  const missing = result.missing.map(({ name, reason }) => `${name}: ${reason}`);
  if (missing.length > 0) out.push('', `Not measured: ${missing.join('; ')}.`);
  return out.join('\n');
}

const BEGIN = '<!-- measured: begin -->';
const END = '<!-- measured: end -->';

/** Inserts the tables between the markers of a document. */
export function intoDocument(document, tables) {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the document has no ${BEGIN} … ${END}`);
  return `${document.slice(0, from + BEGIN.length)}\n\n${tables}\n\n${document.slice(to)}`;
}
