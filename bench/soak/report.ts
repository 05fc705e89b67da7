/** Periodic figures of a soak, and waiting with a timeout. */
import { readdirSync } from 'node:fs';
import { pause, type Run } from './run.ts';
import { median, megabytes, type SoakSample } from './samples.ts';

export const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

/**
 * How many more descriptors a process has than before, once it has had time to close them: files of a log are closed
 * with a sync.
 */
export async function descriptorsLeft(pid: number, before: number): Promise<number> {
  const until = performance.now() + 10_000;
  for (;;) {
    const more = descriptorsOf(pid) - before;
    if (more <= 0 || performance.now() > until) return Math.max(0, more);
    await pause(100);
  }
}

export function report(run: Run, samples: readonly SoakSample[]): void {
  const { counts } = run;
  const last = samples.at(-1);
  const first = samples[0];
  if (last === undefined || first === undefined) return;
  const recent = samples.slice(-10);
  const cpu = recent.length < 2 ? 0 : (last.cpu - recent[0]!.cpu) / (recent.length - 1);
  const facts = [
    `${samples.length} s`,
    `in ${megabytes(counts.bytesIn)}`,
    `out ${megabytes(counts.bytesOut)}`,
    `lost and reported ${megabytes(counts.skipped)} in ${counts.gaps} gaps`,
    `${counts.joins} joins, ${counts.cuts} cuts, ${counts.resumes} resumed, ${counts.retries} writes sent again, ${counts.kicks} kicked, ${counts.handleReads} handle reads, ${counts.shortLivedStreams} short-lived streams`,
    `rss ${megabytes(last.rss)}, held ${megabytes(median(recent.map(({ held }) => held)))}, ${last.descriptors} descriptors`,
    `cpu ${(cpu * 100).toFixed(0)} %, delay p99 ${median(recent.map(({ p99 }) => p99)).toFixed(0)} ms, max ${Math.max(...recent.map(({ delay }) => delay)).toFixed(0)} ms`,
  ];
  process.stdout.write(`soak: ${facts.join(' · ')}\n`);
  for (const [kind, what] of [
    ['lines', `${counts.lines} read whole, each once`],
    [
      'silent',
      `${counts.silentLines} lines, ${counts.silences} silences, ${counts.forgotten} writers forgotten went on`,
    ],
    [
      'restarts',
      `${counts.SIGTERM} by SIGTERM, ${counts.SIGKILL} by SIGKILL, in ${megabytes(counts.restartBytes)}, acknowledged and reported as lost ${megabytes(counts.restartLost)}, followers went on ${counts.recreated} times`,
    ],
  ] as const) {
    process.stdout.write(`soak:   ${kind}: ${what}\n`);
  }
}

/** Waits for `work` with a timeout; calls `late` if it expires. */
export async function within(milliseconds: number, work: Promise<unknown>, late: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      late();
      resolve();
    }, milliseconds);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}
