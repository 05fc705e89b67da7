/** How quiet the machine is: a figure counts only beside others of the same run, and less where others work. */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

const TICKS_PER_SECOND = 100;

function coreTimes() {
  try {
    const [user, nice, system, idle, wait, irq, softirq, steal] = /^cpu +(.*)$/m
      .exec(readFileSync('/proc/stat', 'latin1'))[1]
      .split(' ')
      .map(Number);
    return { idle: idle + wait, steal, all: user + nice + system + idle + wait + irq + softirq + steal };
  } catch {
    return undefined;
  }
}

function processTimes() {
  const times = new Map();
  try {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const [, name, rest] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
      const fields = rest?.split(' ') ?? [];
      times.set(pid, { name, ticks: Number(fields[11]) + Number(fields[12]) });
    }
  } catch {
    // A process that ended meanwhile, or no /proc.
  }
  return times;
}

/** Looks on for a second while nothing of ours runs. */
export async function lookAround(milliseconds = 1000) {
  const before = { cores: coreTimes(), processes: processTimes() };
  await delay(milliseconds);
  const after = { cores: coreTimes(), processes: processTimes() };
  const all = before.cores && after.cores ? after.cores.all - before.cores.all : 0;
  const share = (name) => (all > 0 ? (after.cores[name] - before.cores[name]) / all : undefined);
  const busy = [];
  for (const [pid, { name, ticks }] of after.processes) {
    const used = (ticks - (before.processes.get(pid)?.ticks ?? ticks)) / TICKS_PER_SECOND / (milliseconds / 1000);
    if (used >= 0.05 && Number(pid) !== process.pid) busy.push({ name, cores: used });
  }
  return {
    idle: share('idle'),
    steal: share('steal'),
    load: loadavg()[0],
    others: busy.sort((a, b) => b.cores - a.cores).slice(0, 5),
  };
}

export const description = () => ({
  cores: availableParallelism(),
  model: cpus()[0]?.model ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 1024 ** 3),
  kernel: release(),
  node: process.version,
});
