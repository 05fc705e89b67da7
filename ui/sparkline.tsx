/** A small line chart of a figure's history, interrupted where values are unknown. */
import type { History } from './feed/history.ts';

const WIDTH = 96;
const HEIGHT = 20;

/** The time span of the whole width. */
const SPAN_MS = 120_000;

export function Sparkline({ history }: { history: History | undefined }) {
  if (history === undefined) return null;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      <path d={sparklinePath(history)} />
    </svg>
  );
}

export function sparklinePath({ times, values }: History): string {
  const end = times.at(-1) ?? 0;
  const start = end - SPAN_MS;
  const largest = Math.max(1, ...values.filter((value, at) => value !== null && times[at]! >= start).map(Number));
  let path = '';
  let pen = 'M';
  for (const [at, value] of values.entries()) {
    const time = times[at]!;
    if (value === null || time < start) {
      pen = 'M';
      continue;
    }
    const x = ((time - start) / SPAN_MS) * WIDTH;
    const y = HEIGHT - 1 - (value / largest) * (HEIGHT - 2);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  }
  return path;
}
