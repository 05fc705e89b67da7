/** Durations in fixed buckets: a typed array, so that an observation allocates nothing. */
import type { CountedValues } from '../../fs/index.ts';
import type { Labels, Sample } from './registry.ts';

export class Histogram {
  readonly #bounds: readonly number[];
  /** Number of values in each bucket; the last is for those beyond all bounds. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds upper bounds of the buckets, ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    this.#counts[at]! += 1;
    this.#sum += value;
  }

  samples(labels: Labels = {}): Generator<Sample> {
    return samplesOf({ bounds: this.#bounds, counts: this.#counts, sum: this.#sum }, labels);
  }
}

/** Samples of values that were counted elsewhere. */
export function* samplesOf({ bounds, counts, sum }: CountedValues, labels: Labels): Generator<Sample> {
  let count = 0;
  for (const [at, bound] of bounds.entries()) {
    count += counts[at]!;
    yield { suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: count };
  }
  count += counts[bounds.length]!;
  yield { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count };
  yield { suffix: '_sum', labels, value: sum };
  yield { suffix: '_count', labels, value: count };
}
