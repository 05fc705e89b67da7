/** The parser that checks our metrics must itself refuse invalid input. */
import { describe, expect, it } from 'vitest';
import { parseExposition } from './exposition.ts';

const GOOD = '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1",y="q\\"\\\\\\n"} 1\na_total{x="2"} 2e+21\n';
const histogram = (...lines: string[]) =>
  `# HELP h H.\n# TYPE h histogram\n${lines.map((line) => `h${line}\n`).join('')}`;
const FULL = ['_bucket{le="1"} 1', '_bucket{le="+Inf"} 2', '_sum 3', '_count 2'];

describe('the reading of the text format', () => {
  it('takes what is right', () => {
    expect(parseExposition(GOOD).get('a_total')?.samples.size).toBe(2);
    expect(parseExposition(histogram(...FULL)).get('h')?.type).toBe('histogram');
  });

  it.each([
    ['a text without its last line end', GOOD.slice(0, -1)],
    ['a sample without help and type', 'a_total 1\n'],
    ['a type without its help', '# TYPE a_total counter\na_total 1\n'],
    ['a help without its type', '# HELP a_total A.\na_total 1\n'],
    ['an empty help', '# HELP a_total \n# TYPE a_total counter\na_total 1\n'],
    ['an unknown type', '# HELP a A.\n# TYPE a number\na 1\n'],
    ['a counter without _total', '# HELP a A.\n# TYPE a counter\na 1\n'],
    ['a gauge with _total', '# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n'],
    ['a unit that is no base unit', '# HELP a_milliseconds A.\n# TYPE a_milliseconds gauge\na_milliseconds 1\n'],
    ['a name that is reserved', '# HELP a_count A.\n# TYPE a_count gauge\na_count 1\n'],
    ['an invalid name', '# HELP 1a A.\n# TYPE 1a gauge\n1a 1\n'],
    ['a metric in two places', GOOD + GOOD],
    ['a sample twice', `${GOOD}a_total{x="2"} 3\n`],
    ['a label twice', '# HELP a A.\n# TYPE a gauge\na{x="1",x="2"} 1\n'],
    ['a label that is not quoted', '# HELP a A.\n# TYPE a gauge\na{x=1} 1\n'],
    ['a quote in a label that is not escaped', '# HELP a A.\n# TYPE a gauge\na{x="a"b"} 1\n'],
    ['an invalid value', '# HELP a A.\n# TYPE a gauge\na one\n'],
    ['a line of another metric', '# HELP a A.\n# TYPE a gauge\nb 1\n'],
    ['a metric without samples', '# HELP a A.\n# TYPE a gauge\n'],
    ['a counter below zero', '# HELP a_total A.\n# TYPE a_total counter\na_total -1\n'],
    ['an empty line', `${GOOD}\n`],
    ['a histogram without +Inf', histogram(FULL[0]!, ...FULL.slice(2))],
    ['buckets that shrink', histogram('_bucket{le="1"} 3', ...FULL.slice(1))],
    ['a count that is not the last bucket', histogram(...FULL.slice(0, 3), '_count 1')],
    ['a histogram without a sum', histogram(FULL[0]!, FULL[1]!, FULL[3]!)],
  ])('refuses %s', (_, text) => {
    expect(() => parseExposition(text)).toThrow();
  });
});
