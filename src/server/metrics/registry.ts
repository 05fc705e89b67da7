/**
 * What can be measured of a server, and its text for Prometheus (exposition format 0.0.4).
 *
 * Nothing is pushed: each part registers once what a value is and how to read it, and is asked at
 * each scrape. What is counted anyway costs nothing more that way. Names follow Prometheus' conventions: base units,
 * `_total` for what only grows.
 */
export type Labels = Readonly<Record<string, string>>;

type MetricType = 'counter' | 'gauge' | 'histogram';

/** One line: a value, its labels, and for parts of a histogram what comes behind the name (`_bucket`). */
export interface Sample {
  value: number;
  labels?: Labels | undefined;
  suffix?: string | undefined;
}

export interface Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
}

/** The value now, or one for each set of labels. */
type Ask = () => number | Iterable<Sample>;

const NAME = /^[a-z_][a-z0-9_]*$/;

export class Metrics {
  readonly #metrics = new Map<string, Metric & { ask: Ask }>();
  /** What counters were last: one may be read from things that move a little while they are read. */
  readonly #before: (() => void)[] = [];

  /** A value that goes up and down. */
  gauge(name: string, help: string, ask: Ask): void {
    this.#add({ name, type: 'gauge', help, ask });
  }

  /** A value that only grows, from 0 at the start. Its name ends in `_total`. */
  counter(name: string, help: string, ask: Ask): void {
    if (!name.endsWith('_total')) throw new RangeError(`the name of a counter ends in _total: ${name}`);
    this.#add({ name, type: 'counter', help, ask });
  }

  /** Values in buckets: see {@link Histogram.samples}. */
  histogram(name: string, help: string, ask: () => Iterable<Sample>): void {
    this.#add({ name, type: 'histogram', help, ask });
  }

  /** Called before a text is made: for what several metrics are read from. */
  before(refresh: () => void): void {
    this.#before.push(refresh);
  }

  #add(metric: Metric & { ask: Ask }): void {
    const { name, help } = metric;
    if (!NAME.test(name)) throw new RangeError(`not the name of a metric: ${name}`);
    if (this.#metrics.has(name)) throw new RangeError(`there is a metric of that name already: ${name}`);
    if (help === '') throw new RangeError(`${name} needs a help text`);
    this.#metrics.set(name, metric);
  }

  /** All that are registered. */
  list(): Metric[] {
    return [...this.#metrics.values()];
  }

  /** The values now, as text. */
  text(): string {
    for (const refresh of this.#before) refresh();
    const lines: string[] = [];
    for (const { name, type, help, ask } of this.#metrics.values()) {
      const found = ask();
      const samples = typeof found === 'number' ? [{ value: found }] : found;
      const at = lines.length;
      for (const sample of samples) lines.push(lineOf(name, sample));
      // One that has nothing to tell just now is left out whole.
      if (lines.length > at) lines.splice(at, 0, `# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

/** The media type of {@link Metrics.text}. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

function lineOf(name: string, { value, labels, suffix = '' }: Sample): string {
  const pairs = Object.entries(labels ?? {}).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${textOf(value)}`;
}

function textOf(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
