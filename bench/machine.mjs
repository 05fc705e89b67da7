/** How quiet the machine is: figures are comparable only within one run, and less so if other programs are running. */
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
    // The process has ended meanwhile, or there is no /proc.
  }
  return times;
}

/** Observes the machine for a second while none of our programs run. */
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
