/**
 * The metrics of a server, and their text for Prometheus (exposition format 0.0.4).
 *
 * Nothing is pushed: each part registers once how to read a value, and is called at each scrape. So values that are
 * counted anyway cost nothing more. Names follow Prometheus' conventions: base units, `_total` for values that only
 * grow.
 */
export type Labels = Readonly<Record<string, string>>;

type MetricType = 'counter' | 'gauge' | 'histogram';

/** One line: a value, its labels, and for parts of a histogram the suffix of the name (`_bucket`). */
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

/** The current value, or one for each set of labels. */
type ReadValue = () => number | Iterable<Sample>;

const NAME = /^[a-z_][a-z0-9_]*$/;

export class Metrics {
  readonly #metrics = new Map<string, Metric & { read: ReadValue }>();
  /** Called before each scrape. */
  readonly #before: (() => void)[] = [];

  /** A value that goes up and down. */
  gauge(name: string, help: string, read: ReadValue): void {
    this.#add({ name, type: 'gauge', help, read });
  }

  /** A value that only grows, from 0 at startup. Its name ends in `_total`. */
  counter(name: string, help: string, read: ReadValue): void {
    if (!name.endsWith('_total')) throw new RangeError(`the name of a counter must end in _total: ${name}`);
    this.#add({ name, type: 'counter', help, read });
  }

  /** Values in buckets: see {@link Histogram.samples}. */
  histogram(name: string, help: string, read: () => Iterable<Sample>): void {
    this.#add({ name, type: 'histogram', help, read });
  }

  /** Registers a function that is called before each scrape, for data that several metrics are read from. */
  before(refresh: () => void): void {
    this.#before.push(refresh);
  }

  #add(metric: Metric & { read: ReadValue }): void {
    const { name, help } = metric;
    if (!NAME.test(name)) throw new RangeError(`not the name of a metric: ${name}`);
    if (this.#metrics.has(name)) throw new RangeError(`a metric of that name already exists: ${name}`);
    if (help === '') throw new RangeError(`${name} needs a help text`);
    this.#metrics.set(name, metric);
  }

  /** All registered metrics. */
  list(): Metric[] {
    return [...this.#metrics.values()];
  }

  /** The current values as text. */
  text(): string {
    for (const refresh of this.#before) refresh();
    const lines: string[] = [];
    for (const { name, type, help, read } of this.#metrics.values()) {
      const found = read();
      const samples = typeof found === 'number' ? [{ value: found }] : found;
      const at = lines.length;
      for (const sample of samples) lines.push(lineOf(name, sample));
      // A metric without samples is left out entirely.
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
