import { describe, expect, it } from 'vitest';
import { Histogram } from '../../../src/server/metrics/histogram.ts';
import { Metrics } from '../../../src/server/metrics/registry.ts';
import { parseExposition } from './exposition.ts';

describe('the text for Prometheus', () => {
  it('has for each metric its help, its type and its samples, in the order in which they were registered', () => {
    const metrics = new Metrics();
    metrics.gauge('b_bytes', 'Some bytes.', () => 1.5);
    metrics.counter('a_total', 'Somethings.', () => [
      { labels: { kind: 'x' }, value: 1 },
      { labels: { kind: 'y', other: 'z' }, value: 2 ** 53 - 1 },
    ]);
    expect(metrics.text()).toBe(
      [
        '# HELP b_bytes Some bytes.',
        '# TYPE b_bytes gauge',
        'b_bytes 1.5',
        '# HELP a_total Somethings.',
        '# TYPE a_total counter',
        'a_total{kind="x"} 1',
        'a_total{kind="y",other="z"} 9007199254740991',
        '',
      ].join('\n'),
    );
  });

  it('escapes labels and helps, and writes infinities as Prometheus does', () => {
    const metrics = new Metrics();
    metrics.gauge('a', 'One \\ two\nthree "four".', () => [{ labels: { path: 'a"b\\c\nd' }, value: Infinity }]);
    metrics.gauge('b', 'Small and less.', () => [{ value: 1e-9 }, { labels: { x: '' }, value: -Infinity }]);
    const text = metrics.text();
    expect(text).toContain('# HELP a One \\\\ two\\nthree "four".\n');
    expect(text).toContain('a{path="a\\"b\\\\c\\nd"} +Inf\n');
    expect(text).toContain('b 1e-9\nb{x=""} -Inf\n');
    expect(parseExposition(text).size).toBe(2);
  });

  it('leaves out what has nothing to tell, and looks again each time', () => {
    const metrics = new Metrics();
    let values: number[] = [];
    let refreshed = 0;
    metrics.before(() => {
      refreshed++;
    });
    metrics.gauge('a', 'A.', () => values.map((value) => ({ value })));
    metrics.gauge('b', 'B.', () => refreshed);
    expect([...parseExposition(metrics.text()).keys()]).toEqual(['b']);
    values = [7];
    expect(parseExposition(metrics.text()).get('a')?.samples.get('a')).toBe(7);
    expect(refreshed).toBe(2);
  });

  it('takes no name twice, and none that is against the conventions', () => {
    const metrics = new Metrics();
    metrics.gauge('a', 'A.', () => 1);
    for (const name of ['a', 'A', '1a', 'a-b', '']) expect(() => metrics.gauge(name, 'x', () => 1)).toThrow(RangeError);
    expect(() => metrics.counter('b', 'x', () => 1)).toThrow('_total');
    expect(() => metrics.gauge('c', '', () => 1)).toThrow('help');
  });
});

describe('a histogram', () => {
  it('counts a value in each bucket that it fits into, and sums', () => {
    const histogram = new Histogram([0.1, 1, 10]);
    for (const value of [0, 0.1, 0.11, 1, 5, 10.5, 1000]) histogram.observe(value);
    const metrics = new Metrics();
    metrics.histogram('a_seconds', 'A.', () => histogram.samples({ route: 'x' }));
    const { samples } = parseExposition(metrics.text()).get('a_seconds')!;
    expect(Object.fromEntries(samples)).toEqual({
      'a_seconds_bucket{route="x",le="0.1"}': 2,
      'a_seconds_bucket{route="x",le="1"}': 4,
      'a_seconds_bucket{route="x",le="10"}': 5,
      'a_seconds_bucket{route="x",le="+Inf"}': 7,
      'a_seconds_sum{route="x"}': 1016.71,
      'a_seconds_count{route="x"}': 7,
    });
  });
});

describe('the parser of the format that these tests use', () => {
  const head = '# HELP a_total A.\n# TYPE a_total counter\n';
  it.each([
    ['an end that is missing', `${head}a_total 1`],
    ['no help', '# TYPE a_total counter\na_total 1\n'],
    ['no type', '# HELP a_total A.\na_total 1\n'],
    ['a counter without _total', '# HELP a A.\n# TYPE a counter\na 1\n'],
    ['a gauge with it', '# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n'],
    ['no sample', head],
    ['a sample of another', `${head}b_total 1\n`],
    ['a sample twice', `${head}a_total{x="1"} 1\na_total{x="1"} 2\n`],
    ['a label twice', `${head}a_total{x="1",x="2"} 1\n`],
    ['a quote that is not escaped', `${head}a_total{x="a"b"} 1\n`],
    ['no number', `${head}a_total undefined\n`],
    ['less than nothing', `${head}a_total -1\n`],
    ['an empty line', `${head}\na_total 1\n`],
    ['a metric in two places', `${head}a_total 1\n${head}a_total{x="1"} 1\n`],
    ['not a base unit', '# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n'],
    [
      'buckets that shrink',
      '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
    ['no last bucket', '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_sum 1\na_count 2\n'],
  ])('refuses %s', (_, text) => {
    expect(() => parseExposition(text)).toThrow();
  });
});
