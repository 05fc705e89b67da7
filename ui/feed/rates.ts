/** Rates of counters: the increase since the previous sample, divided by the elapsed time. */

interface Seen {
  time: number;
  value: number;
  /** The generation of the counted object: a counter of another generation starts from zero. */
  generation: string;
}

export class Rates {
  #seen = new Map<string, Seen>();
  #next = new Map<string, Seen>();

  /** Per second; undefined if there is no previous sample to compare with. */
  rate(name: string, generation: string, value: number, time: number): number | undefined {
    const before = this.#seen.get(name);
    this.#next.set(name, { time, value, generation });
    if (before === undefined || before.generation !== generation || time <= before.time || value < before.value)
      return undefined;
    return ((value - before.value) * 1000) / (time - before.time);
  }

  /** Ends a round of samples: counters without a sample in it are forgotten. */
  endRound(): void {
    this.#seen = this.#next;
    this.#next = new Map();
  }
}
