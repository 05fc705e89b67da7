/**
 * Parses the Prometheus text format (version 0.0.4) as strictly as `promtool check metrics`, and more: everything that is not
 * listed here is an error. So the format is checked even where promtool is not installed.
 */
export interface ParsedMetric {
  type: string;
  help: string;
  /** By name and labels as written, such as `x_bucket{le="1"}`. */
  samples: Map<string, number>;
}

const LABELS = /^\{((?:[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\}$/;

export function parseExposition(text: string): Map<string, ParsedMetric> {
  const metrics = new Map<string, ParsedMetric>();
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  let current: [name: string, metric: ParsedMetric] | undefined;
  let help: [name: string, text: string] | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const wrong = (why: string) => new Error(`${why}: ${line}`);
    const comment = /^# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string];
      if (kind === 'HELP') {
        if (help !== undefined) throw wrong('a help without its type before');
        if (metrics.has(name)) throw wrong('a metric in two places');
        help = [name, rest];
        continue;
      }
      if (help?.[0] !== name) throw wrong('a type without its help before it');
      if (!['counter', 'gauge', 'histogram'].includes(rest)) throw wrong('an unknown type');
      if ((rest === 'counter') !== name.endsWith('_total')) throw wrong('_total is for counters, and for all of them');
      if (/_(milliseconds|ms|kb|mb|percent|count|sum|bucket)(_|$)/.test(name))
        throw wrong('not a base unit, or reserved');
      current = [name, { type: rest, help: help[1], samples: new Map() }];
      metrics.set(...current);
      help = undefined;
      continue;
    }
    const sample = /^([a-z_][a-z0-9_]*)(\{.*\})? (-?\d+(?:\.\d+)?(?:e[+-]\d+)?|[+-]Inf|NaN)$/.exec(line);
    if (sample === null || current === undefined || help !== undefined) throw wrong('not a line of this format');
    const [, name, labels = '', value] = sample as unknown as [string, string, string | undefined, string];
    const suffixes = current[1].type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
    if (!suffixes.some((suffix) => name === current![0] + suffix)) throw wrong(`not a line of ${current[0]}`);
    if (labels !== '' && !LABELS.test(labels)) throw wrong('labels that cannot be read');
    const names = [...labels.matchAll(/([a-z_][a-z0-9_]*)="(?:[^"\\]|\\.)*"/g)].map((match) => match[1]!);
    if (new Set(names).size !== names.length) throw wrong('a label twice');
    if (current[1].samples.has(name + labels)) throw wrong('a sample twice');
    current[1].samples.set(
      name + labels,
      value.endsWith('Inf') ? Number(value.replace('Inf', 'Infinity')) : Number(value),
    );
  }
  for (const [name, metric] of metrics) {
    if (metric.samples.size === 0) throw new Error(`${name} has no sample`);
    if (metric.type === 'counter') {
      for (const [sample, value] of metric.samples) if (!(value >= 0)) throw new Error(`${sample} is ${value}`);
    }
    if (metric.type === 'histogram') checkHistogram(name, metric.samples);
  }
  return metrics;
}

/** Buckets grow with their bounds, end with +Inf, and the last one equals the count. */
function checkHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  const series = new Map<string, { le: number; value: number }[]>();
  for (const [sample, value] of samples) {
    const bucket = /_bucket\{(.*?),?le="([^"]+)"\}$/.exec(sample);
    if (bucket === null) continue;
    const le = bucket[2] === '+Inf' ? Number.POSITIVE_INFINITY : Number(bucket[2]);
    series.set(bucket[1]!, [...(series.get(bucket[1]!) ?? []), { le, value }]);
  }
  for (const [labels, buckets] of series) {
    const braced = labels === '' ? '' : `{${labels}}`;
    for (const [at, bucket] of buckets.entries()) {
      const before = buckets[at - 1];
      if (before !== undefined && !(bucket.le > before.le && bucket.value >= before.value)) {
        throw new Error(`buckets of ${name}${braced} do not grow`);
      }
    }
    const last = buckets.at(-1)!;
    if (last.le !== Number.POSITIVE_INFINITY) throw new Error(`${name}${braced} has no bucket for +Inf`);
    if (samples.get(`${name}_count${braced}`) !== last.value) throw new Error(`${name}${braced} miscounts`);
    if (!((samples.get(`${name}_sum${braced}`) ?? -1) >= 0)) throw new Error(`${name}${braced} has no sum`);
  }
}
